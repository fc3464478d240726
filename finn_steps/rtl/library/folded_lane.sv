// One multiplier of a folded layer: |weight| times how far x is from one end of its range; one register before it, none after.
// Contract: with u = x - least x, product = magnitude * (negative ? greatest u - u : u), which is weight * x plus a constant
// of the weight: always unsigned, and 0 for a weight of 0. It is of the x and weight of the cycle before.
module folded_lane #(
    parameter int unsigned XBITS     = 4,
    parameter int unsigned XSIGNED   = 0,
    parameter int unsigned XMAX      = 15,
    parameter int unsigned MAGNITUDE = 3,
    parameter int unsigned PBITS     = 7
) (
    input  wire logic                 clk,
    input  wire logic [    XBITS-1:0] x,
    input  wire logic [MAGNITUDE-1:0] magnitude,
    input  wire logic                 negative,
    output logic      [    PBITS-1:0] product
);
  if (XMAX != 2 ** XBITS - 1 && XBITS != 2) begin : g_bad_xmax
    $error("folded_lane: XMAX (%0d) must be full for XBITS (%0d)", XMAX, XBITS);
  end
  logic [XBITS-1:0] taken;
  logic [MAGNITUDE-1:0] times;
  logic mirrored;
  always_ff @(posedge clk) begin
    taken    <= x;
    times    <= magnitude;
    mirrored <= negative;
  end
  logic [XBITS-1:0] distance;
  if (XMAX != 2 ** XBITS - 1) begin : g_ternary
    // -1, 0, 1 are 11, 00, 01; their distances from -1 are 0, 1, 2, and from 1 they are 2, 1, 0.
    assign distance[0] = !taken[0];
    assign distance[XBITS-1] = taken[0] && taken[XBITS-1] == mirrored;
  end else begin : g_full
    assign distance = taken ^ {XBITS{mirrored}} ^ XBITS'(XSIGNED << (XBITS - 1));
  end
  if (MAGNITUDE == 1) begin : g_select
    assign product = times[0] ? distance : '0;
  end else begin : g_multiply
    assign product = PBITS'(times) * PBITS'(distance);
  end
endmodule
