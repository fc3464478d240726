// The number of thresholds reached when they lie 2**SHIFT apart: clip(v >> SHIFT, 0, STEPS). One cycle.
module shift_clip #(
    parameter int unsigned VBITS = 12,
    parameter int unsigned SHIFT = 3,
    parameter int unsigned STEPS = 15,
    localparam int unsigned FOUND = $clog2(STEPS + 1)
) (
    input  wire logic                    clk,
    input  wire logic signed [VBITS-1:0] v,
    output logic             [FOUND-1:0] found
);
  logic signed [VBITS-1:0] kept;
  always_ff @(posedge clk) kept <= v;
  wire signed [VBITS-1:0] shifted = kept >>> SHIFT;
  assign found = kept < 0 ? '0 : shifted > VBITS'(STEPS) ? FOUND'(STEPS) : FOUND'(shifted);
endmodule
