// Constant memory. REGISTERED = 1: data is words[address] of the cycle before; 0: of this cycle.
// BLOCK = 1 asks for block RAM (then it must be registered), 0 for logic. FILE is for $readmemh.
module rom #(
    parameter [31:0] WIDTH = 8,
    parameter [31:0] DEPTH = 16,
    parameter [31:0] BLOCK = 0,
    parameter [31:0] REGISTERED = 1,
    parameter FILE = "",
    localparam [31:0] ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  wire logic               clk,
    input  wire logic [ADDRESS-1:0] address,
    output logic      [  WIDTH-1:0] data
);
  if (BLOCK != 0 && REGISTERED == 0) begin : g_bad_block
    rom_BLOCK_needs_REGISTERED parameters ();
  end
  if (BLOCK != 0) begin : g_block
    (* rom_style = "block", ram_style = "block" *) logic [WIDTH-1:0] words[0:DEPTH-1];
    initial if (FILE != "") $readmemh(FILE, words);
    always_ff @(posedge clk) data <= words[address];
  end else begin : g_logic
    (* rom_style = "logic", ram_style = "logic" *) logic [WIDTH-1:0] words[0:DEPTH-1];
    initial if (FILE != "") $readmemh(FILE, words);
    if (REGISTERED != 0) begin : g_registered
      always_ff @(posedge clk) data <= words[address];
    end else begin : g_now
      assign data = words[address];
      wire _unused = &{1'b0, clk};
    end
  end
endmodule
