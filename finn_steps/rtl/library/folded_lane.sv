// One multiplier of a folded layer: |weight| times how far x is from one end of its range, as partial products: slice i of the
// bits of x, SLICE bits wide, gives PIECE bits of weight 2**(i * SLICE), the last slice LAST bits. No register.
// Contract: with u = x - least x, the product is magnitude * (negative ? greatest u - u : u), which is weight * x plus a
// constant of the weight: always unsigned, and 0 for a weight of 0.
module folded_lane #(
    parameter [31:0] XBITS     = 4,
    parameter [31:0] XSIGNED   = 0,
    parameter [31:0] XMAX      = 15,
    parameter [31:0] MAGNITUDE = 3,
    parameter [31:0] SLICE     = 2,
    parameter [31:0] PIECE     = 5,
    parameter [31:0] LAST      = 5,
    localparam [31:0] SLICES = (XBITS + SLICE - 1) / SLICE,
    localparam [31:0] PBITS = (SLICES - 1) * PIECE + LAST
) (
    input  wire logic [    XBITS-1:0] x,
    input  wire logic [MAGNITUDE-1:0] magnitude,
    input  wire logic                 negative,
    output logic      [    PBITS-1:0] product
);
  if (XMAX != 2 ** XBITS - 1 && XBITS != 2) begin : g_bad_xmax
    folded_lane_XMAX_must_be_full_for_XBITS parameters ();
  end
  logic [XBITS-1:0] distance;
  if (XMAX != 2 ** XBITS - 1) begin : g_ternary
    // -1, 0, 1 are 11, 00, 01; their distances from -1 are 0, 1, 2, and from 1 they are 2, 1, 0.
    assign distance[0] = !x[0];
    assign distance[XBITS-1] = x[0] && x[XBITS-1] == negative;
  end else begin : g_full
    assign distance = x ^ {XBITS{negative}} ^ XBITS'(XSIGNED << (XBITS - 1));
  end
  for (genvar i = 0; i < SLICES; i++) begin : g_slice
    localparam [31:0] WIDTH = i == SLICES - 1 ? XBITS - i * SLICE : SLICE;
    localparam [31:0] BITS = i == SLICES - 1 ? LAST : PIECE;
    small_product #(
        .A  (MAGNITUDE),
        .B  (WIDTH),
        .SUM(BITS)
    ) lookup (
        .a(magnitude),
        .b(distance[i*SLICE+:WIDTH]),
        .product(product[i*PIECE+:BITS])
    );
  end
endmodule
