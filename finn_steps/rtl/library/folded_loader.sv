// Writes arriving elements into one of two banks of lane memories while the other is worked on.
// Contract: `available` says that a full bank waits; at `start` it becomes `read_bank`, until `done`. FILE holds, for each
// arriving element, its owner and its address there: {owner, address}; owner OWNERS is nobody.
module folded_loader #(
    parameter int unsigned WIDTH   = 4,
    parameter int unsigned BEATS   = 16,
    parameter int unsigned OWNERS  = 4,
    parameter int unsigned ADDRESS = 2,
    parameter FILE = "",
    localparam int unsigned OWNER = $clog2(OWNERS + 1),
    localparam int unsigned COUNT = BEATS > 1 ? $clog2(BEATS) : 1
) (
    input  wire logic               clk,
    input  wire logic               rst_n,
    input  wire logic [  WIDTH-1:0] s_data,
    input  wire logic               s_valid,
    output logic                    s_ready,
    input  wire logic               s_last,
    output logic      [ OWNERS-1:0] write,
    output logic      [  ADDRESS:0] write_address,
    output logic      [  WIDTH-1:0] write_data,
    output logic                    available,
    output logic                    last,
    input  wire logic               start,
    input  wire logic               done,
    output logic                    read_bank
);
  logic [1:0] full, full_last;
  logic write_bank, next_bank;
  logic [COUNT-1:0] beat, next_beat;
  logic [OWNER-1:0] owner;
  logic [ADDRESS-1:0] address;

  wire take = s_valid && s_ready;
  wire final_beat = beat == COUNT'(BEATS - 1);
  assign s_ready = !full[write_bank];
  assign next_beat = !rst_n || (take && final_beat) ? '0 : take ? beat + 1'b1 : beat;
  rom #(
      .WIDTH(OWNER + ADDRESS),
      .DEPTH(BEATS),
      .FILE (FILE)
  ) places (
      .clk(clk),
      .address(next_beat),
      .data({owner, address})
  );
  for (genvar o = 0; o < OWNERS; o++) begin : g_write
    assign write[o] = take && owner == OWNER'(o);
  end
  assign write_address = {write_bank, address};
  assign write_data = s_data;
  assign available = full[next_bank];
  assign last = full_last[next_bank];

  always_ff @(posedge clk) begin
    beat <= next_beat;
    if (take && final_beat) full_last[write_bank] <= s_last;
    if (start) read_bank <= next_bank;
    if (!rst_n) begin
      full <= '0;
      write_bank <= 1'b0;
      next_bank <= 1'b0;
    end else begin
      if (take && final_beat) full[write_bank] <= 1'b1;
      if (done) full[read_bank] <= 1'b0;
      if (take && final_beat) write_bank <= !write_bank;
      if (start) next_bank <= !next_bank;
    end
  end
endmodule
