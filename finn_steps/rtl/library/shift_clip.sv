// The number of thresholds reached when they lie 2**SHIFT apart: clip(v >> SHIFT, 0, STEPS). One cycle.
module shift_clip #(
    parameter [31:0] VBITS = 12,
    parameter [31:0] SHIFT = 3,
    parameter [31:0] STEPS = 15,
    localparam [31:0] FOUND = $clog2(STEPS + 1)
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
