// Constant memory with a registered read: data is words[address] of the cycle before.
// BLOCK = 1 asks for block RAM, 0 for logic. FILE is for $readmemh.
module rom #(
    parameter int unsigned WIDTH = 8,
    parameter int unsigned DEPTH = 16,
    parameter int unsigned BLOCK = 0,
    parameter FILE = "",
    localparam int unsigned ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  wire logic               clk,
    input  wire logic [ADDRESS-1:0] address,
    output logic      [  WIDTH-1:0] data
);
  if (BLOCK != 0) begin : g_block
    (* rom_style = "block", ram_style = "block" *) logic [WIDTH-1:0] words[DEPTH];
    initial if (FILE != "") $readmemh(FILE, words);
    always_ff @(posedge clk) data <= words[address];
  end else begin : g_logic
    (* rom_style = "logic", ram_style = "logic" *) logic [WIDTH-1:0] words[DEPTH];
    initial if (FILE != "") $readmemh(FILE, words);
    always_ff @(posedge clk) data <= words[address];
  end
endmodule
