// SIMD lanes of a processing element: each takes the input and the weight that the schedule names and multiplies them.
// Contract: `control` holds for the step of this cycle; `now` and `later` are its products, of PBITS bits each (folded_lane),
// CYCLES cycles later: of the PE's current row, and of its next.
// control, lane 0 lowest: {ahead, negative, magnitude, index} for each lane; `ahead` is there only if AHEAD = 1: the product is
// for the next row. Lane j takes input `index` of owner j % OWNERS, from `frame` (PARALLEL = 1, held by the caller) or from
// memories of its own, which it writes as the loader says. A magnitude of zero makes a lane idle; with IDLE = 1 there is none,
// all are 1, and the index DEPTH makes a lane idle.
// CYCLES = 1: nothing is registered but the products; 2: what is multiplied, too; 3: DSP = 1, and multipliers.
module folded_lanes #(
    parameter int unsigned SIMD      = 4,
    parameter int unsigned OWNERS    = 2,
    parameter int unsigned DEPTH     = 8,
    parameter int unsigned INDEX     = 3,
    parameter int unsigned XBITS     = 4,
    parameter int unsigned XSIGNED   = 0,
    parameter int unsigned XMAX      = 15,
    parameter int unsigned MAGNITUDE = 3,
    parameter int unsigned IDLE      = 0,
    parameter int unsigned SLICE     = 2,
    parameter int unsigned PIECE     = 5,
    parameter int unsigned LAST      = 5,
    parameter int unsigned AHEAD     = 1,
    parameter int unsigned PARALLEL  = 0,
    parameter int unsigned CYCLES    = 2,
    parameter int unsigned DSP       = 0,
    localparam int unsigned FIELD = INDEX + (IDLE != 0 ? 0 : MAGNITUDE) + 1 + AHEAD,
    localparam int unsigned ADDRESS = INDEX > 0 ? INDEX : 1,
    localparam int unsigned PBITS = (XBITS + SLICE - 1) / SLICE * PIECE - PIECE + LAST
) (
    input  wire logic                          clk,
    input  wire logic [        SIMD*FIELD-1:0] control,
    input  wire logic [OWNERS*DEPTH*XBITS-1:0] frame,
    input  wire logic [            OWNERS-1:0] write,
    input  wire logic [             ADDRESS:0] write_address,
    input  wire logic [             XBITS-1:0] write_data,
    input  wire logic                          read_bank,
    output logic      [        SIMD*PBITS-1:0] now,
    output logic      [        SIMD*PBITS-1:0] later
);
  if (SIMD % OWNERS != 0) begin : g_bad_owners
    $error("folded_lanes: OWNERS (%0d) must divide SIMD (%0d)", OWNERS, SIMD);
  end
  localparam logic [XBITS-1:0] LEAST = XMAX != 2 ** XBITS - 1 ? '1 : XBITS'(XSIGNED << (XBITS - 1));

  for (genvar j = 0; j < SIMD; j++) begin : g_lane
    localparam int unsigned OWNER = j % OWNERS;
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
    end else begin : g_select
      logic [XBITS-1:0] owned[2**ADDRESS];
      for (genvar i = 0; i < 2 ** ADDRESS; i++) begin : g_owned
        if (i < DEPTH) begin : g_there
          assign owned[i] = frame[(OWNER*DEPTH+i)*XBITS+:XBITS];
        end else if (i == DEPTH && IDLE != 0) begin : g_idle
          assign owned[i] = LEAST;
        end else begin : g_none
          assign owned[i] = 'x;
        end
      end
      assign x = owned[index];
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

    logic [PBITS-1:0] product;
    logic is_ahead;
    if (DSP != 0) begin : g_dsp
      multiplier_lane #(
          .XBITS(XBITS),
          .XSIGNED(XSIGNED),
          .XMAX(XMAX),
          .MAGNITUDE(MAGNITUDE),
          .PBITS(PBITS)
      ) lane (
          .clk(clk),
          .x(x),
          .magnitude(magnitude),
          .negative(negative),
          .product(product)
      );
      logic was_ahead;
      always_ff @(posedge clk) was_ahead <= ahead;
      always_ff @(posedge clk) is_ahead <= was_ahead;
    end else begin : g_tables
      logic [XBITS-1:0] taken;
      logic [MAGNITUDE-1:0] times;
      logic mirrored;
      if (CYCLES == 1) begin : g_at_once
        assign taken = x;
        assign times = magnitude;
        assign mirrored = negative;
        assign is_ahead = ahead;
      end else begin : g_registered
        always_ff @(posedge clk) begin
          taken    <= x;
          times    <= magnitude;
          mirrored <= negative;
          is_ahead <= ahead;
        end
      end
      folded_lane #(
          .XBITS(XBITS),
          .XSIGNED(XSIGNED),
          .XMAX(XMAX),
          .MAGNITUDE(MAGNITUDE),
          .SLICE(SLICE),
          .PIECE(PIECE),
          .LAST(LAST)
      ) lane (
          .x(taken),
          .magnitude(times),
          .negative(mirrored),
          .product(product)
      );
    end
    if (AHEAD == 0) begin : g_now
      always_ff @(posedge clk) now[j*PBITS+:PBITS] <= product;
      assign later[j*PBITS+:PBITS] = '0;
    end else begin : g_either
      always_ff @(posedge clk) now[j*PBITS+:PBITS] <= is_ahead ? '0 : product;
      always_ff @(posedge clk) later[j*PBITS+:PBITS] <= is_ahead ? product : '0;
    end
  end
endmodule
