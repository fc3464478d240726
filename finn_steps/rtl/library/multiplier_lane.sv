// folded_lane by a multiplier, for a DSP block: registers before it and after it, so that the product is of two cycles before.
module multiplier_lane #(
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
  logic [XBITS-1:0] distance, taken;
  folded_lane #(
      .XBITS(XBITS),
      .XSIGNED(XSIGNED),
      .XMAX(XMAX),
      .MAGNITUDE(1),
      .SLICE(XBITS),
      .PIECE(XBITS),
      .LAST(XBITS)
  ) from_an_end (
      .x(x),
      .magnitude(1'b1),
      .negative(negative),
      .product(distance)
  );
  logic [MAGNITUDE-1:0] times;
  (* use_dsp = "yes" *) logic [PBITS-1:0] multiplied;
  always_ff @(posedge clk) begin
    taken <= distance;
    times <= magnitude;
    multiplied <= PBITS'(times) * PBITS'(taken);
  end
  assign product = multiplied;
endmodule
