// Adds to an unsigned accumulator the constant of its row: y = acc + words[beat], modulo 2**YBITS. One cycle.
module offset_add #(
    parameter [31:0] ACCBITS = 12,
    parameter [31:0] YBITS   = 13,
    parameter [31:0] BEATS   = 8,
    parameter [31:0] BLOCK   = 0,
    parameter FILE = "",
    localparam [31:0] BEAT = BEATS > 1 ? $clog2(BEATS) : 1
) (
    input  wire logic                      clk,
    input  wire logic        [ACCBITS-1:0] acc,
    input  wire logic        [   BEAT-1:0] beat,
    output logic             [  YBITS-1:0] y
);
  logic [YBITS-1:0] offset;
  rom #(
      .WIDTH(YBITS),
      .DEPTH(BEATS),
      .BLOCK(BLOCK),
      .FILE (FILE)
  ) offsets (
      .clk(clk),
      .address(beat),
      .data(offset)
  );
  logic [ACCBITS-1:0] kept;
  always_ff @(posedge clk) kept <= acc;
  assign y = YBITS'(kept) + offset;
endmodule
