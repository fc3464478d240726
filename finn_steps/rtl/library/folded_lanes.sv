// SIMD lanes of a processing element: each takes the input and the weight that the schedule names and multiplies them.
// Contract: `control` holds for the step of this cycle; `now` and `later` are its products, CYCLES cycles later: of the PE's
// current row, and of its next. GROUP = 0: tables multiply, there is a product of PBITS bits of every lane (folded_lane). Else
// multipliers do, one for GROUP lanes (multiplier_group).
// control, lane 0 lowest: {ahead, negative, magnitude, index} for each lane; `ahead` is there only if AHEAD = 1: the product is
// for the next row. Lane j takes input `index` of owner j % OWNERS, from `frame` (PARALLEL = 1, held by the caller) or from
// memories of its own, which it writes as the loader says. A magnitude of zero makes a lane idle; with IDLE = 1 there is none,
// all are 1, and the index DEPTH makes a lane idle.
// CYCLES = 1: nothing is registered but the products; 2: what is multiplied, too.
module folded_lanes #(
    parameter [31:0] SIMD      = 4,
    parameter [31:0] OWNERS    = 2,
    parameter [31:0] DEPTH     = 8,
    parameter [31:0] INDEX     = 3,
    parameter [31:0] XBITS     = 4,
    parameter [31:0] XSIGNED   = 0,
    parameter [31:0] XMAX      = 15,
    parameter [31:0] MAGNITUDE = 3,
    parameter [31:0] IDLE      = 0,
    parameter [31:0] SLICE     = 2,
    parameter [31:0] PIECE     = 5,
    parameter [31:0] LAST      = 5,
    parameter [31:0] AHEAD     = 1,
    parameter [31:0] PARALLEL  = 0,
    parameter [31:0] CYCLES    = 2,
    parameter [31:0] GROUP     = 0,
    parameter [31:0] PBITS     = 10,
    localparam [31:0] FIELD = INDEX + (IDLE != 0 ? 0 : MAGNITUDE) + 1 + AHEAD,
    localparam [31:0] ADDRESS = INDEX > 0 ? INDEX : 1,
    localparam [31:0] PRODUCTS = GROUP == 0 ? SIMD : (SIMD + GROUP - 1) / GROUP
) (
    input  wire logic                          clk,
    input  wire logic [        SIMD*FIELD-1:0] control,
    input  wire logic [OWNERS*DEPTH*XBITS-1:0] frame,
    input  wire logic [            OWNERS-1:0] write,
    input  wire logic [             ADDRESS:0] write_address,
    input  wire logic [             XBITS-1:0] write_data,
    input  wire logic                          read_bank,
    output logic      [    PRODUCTS*PBITS-1:0] now,
    output logic      [    PRODUCTS*PBITS-1:0] later
);
  if (SIMD % OWNERS != 0) begin : g_bad_owners
    folded_lanes_OWNERS_must_divide_SIMD parameters ();
  end
  localparam logic [XBITS-1:0] LEAST = XMAX != 2 ** XBITS - 1 ? '1 : XBITS'(XSIGNED << (XBITS - 1));

  // What the other way to bring inputs would read.
  if (PARALLEL == 0) begin : g_no_frame
    wire _unused = &{1'b0, frame};
  end else begin : g_no_writes
    wire _unused = &{1'b0, write, write_address, write_data, read_bank};
  end

  localparam [31:0] LANES = GROUP == 0 ? SIMD : PRODUCTS * GROUP;
  logic [LANES*XBITS-1:0] xs;
  logic [LANES*MAGNITUDE-1:0] magnitudes;
  logic [LANES-1:0] negatives, aheads;
  for (genvar j = SIMD; j < LANES; j++) begin : g_absent
    assign xs[j*XBITS+:XBITS] = '0;
    assign magnitudes[j*MAGNITUDE+:MAGNITUDE] = '0;
    assign negatives[j] = 1'b0;
    assign aheads[j] = 1'b0;
  end

  for (genvar j = 0; j < SIMD; j++) begin : g_lane
    localparam [31:0] OWNER = j % OWNERS;
    logic [ADDRESS-1:0] index;
    if (INDEX == 0) begin : g_only
      assign index = '0;
    end else begin : g_index
      assign index = control[j*FIELD+:ADDRESS];
    end
    logic [XBITS-1:0] x;
    if (PARALLEL == 0) begin : g_memory
      lane_memory #(
          .WIDTH  (XBITS),
          .ADDRESS(ADDRESS),
          .INITIAL(LEAST)
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
      wire _unused = &{1'b0, index};
    end else begin : g_select
      // Packed: of an unpacked array Verilator copies each element for each lane, and its C++ is ten times as long.
      logic [2**ADDRESS*XBITS-1:0] owned;
      for (genvar i = 0; i < 2 ** ADDRESS; i++) begin : g_owned
        if (i < DEPTH) begin : g_there
          assign owned[i*XBITS+:XBITS] = frame[(OWNER*DEPTH+i)*XBITS+:XBITS];
        end else if (i == DEPTH && IDLE != 0) begin : g_idle
          assign owned[i*XBITS+:XBITS] = LEAST;
        end else begin : g_none
          assign owned[i*XBITS+:XBITS] = 'x;
        end
      end
      assign x = owned[index*XBITS+:XBITS];
    end
    logic [MAGNITUDE-1:0] magnitude;
    if (IDLE != 0) begin : g_one
      assign magnitude = MAGNITUDE'(1);
    end else begin : g_magnitude
      assign magnitude = control[j*FIELD+INDEX+:MAGNITUDE];
    end
    wire negative = control[j*FIELD+FIELD-1-AHEAD];
    logic ahead;
    if (AHEAD == 0) begin : g_never
      assign ahead = 1'b0;
    end else begin : g_ahead
      assign ahead = control[j*FIELD+FIELD-1];
    end

    assign xs[j*XBITS+:XBITS] = x;
    assign magnitudes[j*MAGNITUDE+:MAGNITUDE] = magnitude;
    assign negatives[j] = negative;
    assign aheads[j] = ahead;
  end

  if (GROUP == 0) begin : g_tables
    logic [SIMD*XBITS-1:0] taken;
    logic [SIMD*MAGNITUDE-1:0] times;
    logic [SIMD-1:0] mirrored, is_ahead;
    if (CYCLES == 1) begin : g_at_once
      assign taken = xs;
      assign times = magnitudes;
      assign mirrored = negatives;
      assign is_ahead = aheads;
    end else begin : g_registered
      always_ff @(posedge clk) begin
        taken    <= xs;
        times    <= magnitudes;
        mirrored <= negatives;
        is_ahead <= aheads;
      end
    end
    for (genvar j = 0; j < SIMD; j++) begin : g_product
      logic [PBITS-1:0] product;
      folded_lane #(
          .XBITS(XBITS),
          .XSIGNED(XSIGNED),
          .XMAX(XMAX),
          .MAGNITUDE(MAGNITUDE),
          .SLICE(SLICE),
          .PIECE(PIECE),
          .LAST(LAST)
      ) lane (
          .x(taken[j*XBITS+:XBITS]),
          .magnitude(times[j*MAGNITUDE+:MAGNITUDE]),
          .negative(mirrored[j]),
          .product(product)
      );
      always_ff @(posedge clk) now[j*PBITS+:PBITS] <= is_ahead[j] ? '0 : product;
      always_ff @(posedge clk) later[j*PBITS+:PBITS] <= is_ahead[j] ? product : '0;
    end
  end else begin : g_multipliers
    for (genvar g = 0; g < PRODUCTS; g++) begin : g_group
      for (genvar l = 0; l <= AHEAD; l++) begin : g_row
        logic [GROUP*MAGNITUDE-1:0] times;
        for (genvar i = 0; i < GROUP; i++) begin : g_times
          assign times[i*MAGNITUDE+:MAGNITUDE] =
              aheads[g*GROUP+i] == 1'(l) ? magnitudes[(g*GROUP+i)*MAGNITUDE+:MAGNITUDE] : '0;
        end
        logic [PBITS-1:0] product;
        multiplier_group #(
            .LANES(GROUP),
            .XBITS(XBITS),
            .XSIGNED(XSIGNED),
            .XMAX(XMAX),
            .MAGNITUDE(MAGNITUDE),
            .PBITS(PBITS)
        ) group (
            .clk(clk),
            .x(xs[g*GROUP*XBITS+:GROUP*XBITS]),
            .magnitude(times),
            .negative(negatives[g*GROUP+:GROUP]),
            .product(product)
        );
        if (l == 0) begin : g_now
          assign now[g*PBITS+:PBITS] = product;
        end else begin : g_later
          assign later[g*PBITS+:PBITS] = product;
        end
      end
      if (AHEAD == 0) begin : g_none
        assign later[g*PBITS+:PBITS] = '0;
      end
    end
  end
endmodule
