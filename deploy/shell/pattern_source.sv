// Replaces memory words by a pseudo-random pattern while `run` is high: combinational, next pattern after each `taken`.
//
// The low 64 bits are the state of a 64-bit Fibonacci shift register (x^64 + x^63 + x^61 + x^60 + 1) that starts at all ones
// whenever `run` was low; wider words have zeros above, which costs no logic ahead of a register.
module pattern_source #(
    parameter int unsigned WORD = 8
) (
    input  wire logic              clk,
    input  wire logic              run,
    input  wire logic              taken,
    input  wire logic [8*WORD-1:0] data,
    output      logic [8*WORD-1:0] word
);
  logic [63:0] state;
  always_ff @(posedge clk)
    if (!run) state <= '1;
    else if (taken) state <= {state[62:0], state[63] ^ state[62] ^ state[60] ^ state[59]};
  assign word = run ? (8 * WORD)'(state) : data;
endmodule
