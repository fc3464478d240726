// A processing element: SIMD lanes multiply inputs by weights that the schedule names, and add them up row by row.
// Contract: `control` and `finish` hold for the step of this cycle if `running`. `result` is the accumulator of a row from
// LEVELS + 3 cycles after the step in which it finished, until the next row finishes. It is unsigned, counted from the least
// value that the row can have (see folded_lane).
// control, lane 0 lowest: {ahead, negative, magnitude, index} for each lane; `ahead` is there only if AHEAD = 1: the product is
// for the next row. Lane j takes input `index` of owner j % OWNERS, from `frame` (PARALLEL = 1, held by the caller) or from
// memories of its own, which it writes as the loader says. A magnitude of zero makes a lane idle.
module folded_pe #(
    parameter int unsigned SIMD      = 4,
    parameter int unsigned OWNERS    = 2,
    parameter int unsigned DEPTH     = 8,
    parameter int unsigned XBITS     = 4,
    parameter int unsigned XSIGNED   = 0,
    parameter int unsigned XMAX      = 15,
    parameter int unsigned MAGNITUDE = 3,
    parameter int unsigned PMAX      = 105,
    parameter int unsigned ACCBITS   = 12,
    parameter int unsigned AHEAD     = 1,
    parameter int unsigned PARALLEL  = 0,
    parameter int unsigned LEVELS    = 2,
    localparam int unsigned INDEX = DEPTH > 1 ? $clog2(DEPTH) : 1,
    localparam int unsigned FIELD = INDEX + MAGNITUDE + 1 + AHEAD,
    localparam int unsigned PBITS = $clog2(PMAX + 1),
    localparam int unsigned SBITS = $clog2(SIMD * PMAX + 1)
) (
    input  wire logic                          clk,
    input  wire logic                          rst_n,
    input  wire logic                          running,
    input  wire logic [        SIMD*FIELD-1:0] control,
    input  wire logic                          finish,
    input  wire logic [OWNERS*DEPTH*XBITS-1:0] frame,
    input  wire logic [            OWNERS-1:0] write,
    input  wire logic [               INDEX:0] write_address,
    input  wire logic [             XBITS-1:0] write_data,
    input  wire logic                          read_bank,
    output logic      [           ACCBITS-1:0] result
);
  if (SIMD % OWNERS != 0) begin : g_bad_owners
    $error("folded_pe: OWNERS (%0d) must divide SIMD (%0d)", OWNERS, SIMD);
  end

  logic [SIMD*PBITS-1:0] now, later;
  for (genvar j = 0; j < SIMD; j++) begin : g_lane
    localparam int unsigned OWNER = j % OWNERS;
    wire [INDEX-1:0] index = control[j*FIELD+:INDEX];
    logic [XBITS-1:0] x;
    if (PARALLEL == 0) begin : g_memory
      lane_memory #(
          .WIDTH  (XBITS),
          .ADDRESS(INDEX)
      ) inputs (
          .clk(clk),
          .write(write[OWNER]),
          .write_address(write_address),
          .write_data(write_data),
          .read_address({read_bank, index}),
          .read_data(x)
      );
    end else if (DEPTH == 1) begin : g_wire
      assign x = frame[OWNER*XBITS+:XBITS];
    end else begin : g_select
      logic [XBITS-1:0] owned[2**INDEX];
      for (genvar i = 0; i < 2 ** INDEX; i++) begin : g_owned
        if (i < DEPTH) begin : g_there
          assign owned[i] = frame[(OWNER*DEPTH+i)*XBITS+:XBITS];
        end else begin : g_none
          assign owned[i] = 'x;
        end
      end
      assign x = owned[index];
    end
    logic [PBITS-1:0] product;
    folded_lane #(
        .XBITS(XBITS),
        .XSIGNED(XSIGNED),
        .XMAX(XMAX),
        .MAGNITUDE(MAGNITUDE),
        .PBITS(PBITS)
    ) lane (
        .clk(clk),
        .x(x),
        .magnitude(control[j*FIELD+INDEX+:MAGNITUDE]),
        .negative(control[j*FIELD+INDEX+MAGNITUDE]),
        .product(product)
    );
    if (AHEAD == 0) begin : g_now
      always_ff @(posedge clk) now[j*PBITS+:PBITS] <= product;
      assign later[j*PBITS+:PBITS] = '0;
    end else begin : g_either
      logic ahead;
      always_ff @(posedge clk) ahead <= control[j*FIELD+FIELD-1];
      always_ff @(posedge clk) now[j*PBITS+:PBITS] <= ahead ? '0 : product;
      always_ff @(posedge clk) later[j*PBITS+:PBITS] <= ahead ? product : '0;
    end
  end

  logic [SBITS-1:0] sum_now, sum_later;
  adder_tree #(
      .N  (SIMD),
      .MAX(PMAX)
  ) tree_now (
      .clk(clk),
      .operands(now),
      .sum(sum_now)
  );
  adder_tree #(
      .N  (SIMD),
      .MAX(PMAX)
  ) tree_later (
      .clk(clk),
      .operands(later),
      .sum(sum_later)
  );

  // `running` and `finish` as old as the sums.
  logic [LEVELS+1:0] was_running, was_finish;
  always_ff @(posedge clk) was_running <= rst_n ? {was_running[LEVELS:0], running} : '0;
  always_ff @(posedge clk) was_finish <= {was_finish[LEVELS:0], finish && running};
  wire add = was_running[LEVELS+1];
  wire finishes = was_finish[LEVELS+1];

  logic [ACCBITS-1:0] current, following;
  wire [ACCBITS-1:0] current_sum = current + ACCBITS'(sum_now);
  wire [ACCBITS-1:0] following_sum = AHEAD != 0 ? following + ACCBITS'(sum_later) : '0;
  always_ff @(posedge clk) begin
    if (add && finishes) result <= current_sum;
    if (!rst_n) begin
      current   <= '0;
      following <= '0;
    end else if (add) begin
      current   <= finishes ? following_sum : current_sum;
      following <= finishes ? '0 : following_sum;
    end
  end
endmodule
