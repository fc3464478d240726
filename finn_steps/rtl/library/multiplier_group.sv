// The products of one lane or the sum of those of two by one multiplier, for a DSP block: a register before it and one after it.
// Contract: x, magnitude and negative of LANES lanes, lane 0 lowest; the product is as in folded_lane, of two cycles before.
// Two lanes: (a1 * 2**SHIFT + a0) * (b0 * 2**SHIFT + b1) has a0 * b0 + a1 * b1 in its bits from SHIFT on, if that and a0 * b1 are
// less than 2**SHIFT.
module multiplier_group #(
    parameter [31:0] LANES     = 2,
    parameter [31:0] XBITS     = 4,
    parameter [31:0] XSIGNED   = 0,
    parameter [31:0] XMAX      = 15,
    parameter [31:0] MAGNITUDE = 3,
    parameter [31:0] PBITS     = 8,
    localparam [31:0] SHIFT = LANES == 2 ? PBITS : 0,
    localparam [31:0] ABITS = XBITS + SHIFT,
    localparam [31:0] BBITS = MAGNITUDE + SHIFT
) (
    input  wire logic                       clk,
    input  wire logic [    LANES*XBITS-1:0] x,
    input  wire logic [LANES*MAGNITUDE-1:0] magnitude,
    input  wire logic [          LANES-1:0] negative,
    output logic      [          PBITS-1:0] product
);
  if (LANES > 2) begin : g_bad_lanes
    multiplier_group_LANES_must_be_1_or_2 parameters ();
  end
  logic [LANES*XBITS-1:0] distance;
  for (genvar i = 0; i < LANES; i++) begin : g_distance
    folded_lane #(
        .XBITS(XBITS),
        .XSIGNED(XSIGNED),
        .XMAX(XMAX),
        .MAGNITUDE(1),
        .SLICE(XBITS),
        .PIECE(XBITS),
        .LAST(XBITS)
    ) from_an_end (
        .x(x[i*XBITS+:XBITS]),
        .magnitude(1'b1),
        .negative(negative[i]),
        .product(distance[i*XBITS+:XBITS])
    );
  end
  logic [ABITS-1:0] a;
  logic [BBITS-1:0] b;
  if (LANES == 2) begin : g_two
    always_ff @(posedge clk) a <= {distance[XBITS+:XBITS], PBITS'(distance[0+:XBITS])};
    always_ff @(posedge clk) b <= {magnitude[0+:MAGNITUDE], PBITS'(magnitude[MAGNITUDE+:MAGNITUDE])};
  end else begin : g_one
    always_ff @(posedge clk) a <= distance;
    always_ff @(posedge clk) b <= magnitude;
  end
  (* use_dsp = "yes" *) logic [ABITS+BBITS-1:0] multiplied;
  always_ff @(posedge clk) multiplied <= (ABITS + BBITS)'(a) * (ABITS + BBITS)'(b);
  assign product = multiplied[SHIFT+:PBITS];
  wire _unused = &{1'b0, multiplied};
endmodule
