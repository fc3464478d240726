// A processing element: SIMD lanes multiply inputs by weights that the schedule names, and add them up row by row.
// Contract: `control` and `finish` hold for the step of this cycle if `running`. `result` is the accumulator of a row from
// $clog2(SIMD) + 3 cycles after the step in which it finished, until the next row finishes.
// control, lane 0 lowest: {ahead, weight, index} for each lane; `ahead` is there only if AHEAD = 1: the product is for the
// next row. Lane j takes input `index` of owner j % OWNERS, from `frame` (PARALLEL = 1, held by the caller) or from memories
// of its own, which it writes as the loader says. A weight of zero makes a lane idle.
module folded_pe #(
    parameter int unsigned SIMD     = 4,
    parameter int unsigned OWNERS   = 2,
    parameter int unsigned DEPTH    = 8,
    parameter int unsigned XBITS    = 4,
    parameter int unsigned XSIGNED  = 0,
    parameter int unsigned WBITS    = 4,
    parameter int unsigned PBITS    = 8,
    parameter int unsigned ACCBITS  = 12,
    parameter int unsigned AHEAD    = 1,
    parameter int unsigned PARALLEL = 0,
    localparam int unsigned INDEX = DEPTH > 1 ? $clog2(DEPTH) : 1,
    localparam int unsigned FIELD = INDEX + WBITS + AHEAD
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
    output logic signed [         ACCBITS-1:0] result
);
  if (SIMD % OWNERS != 0) begin : g_bad_owners
    $error("folded_pe: OWNERS (%0d) must divide SIMD (%0d)", OWNERS, SIMD);
  end
  localparam int unsigned LEVELS = SIMD > 1 ? $clog2(SIMD) : 0;
  localparam int unsigned VALUE = XBITS + 1 - XSIGNED;

  logic [SIMD*PBITS-1:0] now, later;
  for (genvar j = 0; j < SIMD; j++) begin : g_lane
    localparam int unsigned OWNER = j % OWNERS;
    wire [INDEX-1:0] index = control[j*FIELD+:INDEX];
    wire signed [WBITS-1:0] weight = control[j*FIELD+INDEX+:WBITS];
    logic [XBITS-1:0] x, taken_x;
    logic signed [WBITS-1:0] taken_weight;
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
    always_ff @(posedge clk) taken_x <= x;
    always_ff @(posedge clk) taken_weight <= weight;

    wire signed [VALUE-1:0] value = VALUE'($signed({XSIGNED == 0 ? 1'b0 : taken_x[XBITS-1], taken_x}));
    wire signed [PBITS-1:0] wide = PBITS'(value);
    logic signed [PBITS-1:0] product;
    if (WBITS == 2) begin : g_ternary
      assign product = !taken_weight[0] ? '0 : taken_weight[1] ? -wide : wide;
    end else begin : g_multiply
      assign product = PBITS'(taken_weight) * wide;
    end
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

  logic signed [PBITS+LEVELS-1:0] sum_now, sum_later;
  adder_tree #(
      .N(SIMD),
      .WIDTH(PBITS)
  ) tree_now (
      .clk(clk),
      .operands(now),
      .sum(sum_now)
  );
  adder_tree #(
      .N(SIMD),
      .WIDTH(PBITS)
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

  logic signed [ACCBITS-1:0] current, following;
  wire signed [ACCBITS-1:0] current_sum = current + ACCBITS'(sum_now);
  wire signed [ACCBITS-1:0] following_sum = AHEAD != 0 ? following + ACCBITS'(sum_later) : '0;
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
