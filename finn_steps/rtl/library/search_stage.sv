// One step of a binary search for the number of thresholds that an unsigned accumulator reaches.
// Contract: one cycle. Bit BIT of `found` becomes acc >= words[{beat, higher bits of found}]; the rest goes through.
module search_stage #(
    parameter [31:0] ACCBITS = 12,
    parameter [31:0] BEATS   = 8,
    parameter [31:0] FOUND   = 4,
    parameter [31:0] BIT     = 2,
    parameter [31:0] BLOCK   = 0,
    parameter FILE = "",
    localparam [31:0] BEAT = BEATS > 1 ? $clog2(BEATS) : 1
) (
    input  wire logic                      clk,
    input  wire logic [ACCBITS-1:0] acc,
    input  wire logic        [   BEAT-1:0] beat,
    input  wire logic        [  FOUND-1:0] found,
    output logic             [ACCBITS-1:0] next_acc,
    output logic             [   BEAT-1:0] next_beat,
    output logic             [  FOUND-1:0] next_found
);
  if (BIT >= FOUND) begin : g_bad_bit
    search_stage_BIT_must_be_less_than_FOUND parameters ();
  end
  localparam [31:0] KNOWN = FOUND - 1 - BIT;
  localparam [31:0] DEPTH = BEATS * 2 ** KNOWN;
  localparam [31:0] ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1;

  wire [BEAT+KNOWN-1:0] place;
  if (KNOWN == 0) begin : g_first
    assign place = beat;
  end else begin : g_later
    assign place = {beat, found[FOUND-1:BIT+1]};
  end
  logic [ACCBITS-1:0] threshold;
  rom #(
      .WIDTH(ACCBITS),
      .DEPTH(DEPTH),
      .BLOCK(BLOCK),
      .FILE (FILE)
  ) thresholds (
      .clk(clk),
      .address(place[ADDRESS-1:0]),
      .data(threshold)
  );
  logic [FOUND-1:0] kept;
  always_ff @(posedge clk) begin
    next_acc  <= acc;
    next_beat <= beat;
    kept      <= found;
  end
  always_comb begin
    next_found = kept;
    next_found[BIT] = next_acc >= threshold;
  end
endmodule
