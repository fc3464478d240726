// Writes arriving elements into one of two banks of lane memories while the other is worked on.
// Contract: `available` says that a full bank waits; at `take` it becomes `read_bank`, until `done`. FILE holds, for each
// arriving element, its owner and its address there: {owner, address}; owner OWNERS is nobody.
module folded_loader #(
    parameter [31:0] WIDTH   = 4,
    parameter [31:0] BEATS   = 16,
    parameter [31:0] OWNERS  = 4,
    parameter [31:0] ADDRESS = 2,
    parameter FILE = "",
    localparam [31:0] OWNER = $clog2(OWNERS + 1),
    localparam [31:0] COUNT = BEATS > 1 ? $clog2(BEATS) : 1
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
    input  wire logic               take,
    input  wire logic               done,
    output logic                    read_bank
);
  logic [1:0] full, full_last;
  logic write_bank, next_bank;
  logic [COUNT-1:0] beat;
  wire push = s_valid && s_ready;
  wire final_beat = beat == COUNT'(BEATS - 1);

  // Written a cycle later, at an address from a copy of the counter: see folded_sequencer. A bank counts as full while its
  // last element is written: lanes read three cycles after `start` at the earliest.
  logic writing, writing_bank;
  logic [COUNT-1:0] place;
  logic [OWNER-1:0] owner;
  logic [ADDRESS-1:0] address;
  rom #(
      .WIDTH(OWNER + ADDRESS),
      .DEPTH(BEATS),
      .REGISTERED(0),
      .FILE (FILE)
  ) places (
      .clk(clk),
      .address(place),
      .data({owner, address})
  );
  for (genvar o = 0; o < OWNERS; o++) begin : g_write
    assign write[o] = writing && owner == OWNER'(o);
  end
  assign write_address = {writing_bank, address};
  assign s_ready = !full[write_bank];
  assign available = full[next_bank];
  assign last = full_last[next_bank];

  always_ff @(posedge clk) begin
    place <= beat;
    write_data <= s_data;
    writing_bank <= write_bank;
    if (push && final_beat) full_last[write_bank] <= s_last;
    if (take) read_bank <= next_bank;
    if (!rst_n) begin
      beat <= '0;
      full <= '0;
      writing <= 1'b0;
      write_bank <= 1'b0;
      next_bank <= 1'b0;
    end else begin
      writing <= push;
      if (push) beat <= final_beat ? '0 : beat + 1'b1;
      if (push && final_beat) full[write_bank] <= 1'b1;
      if (done) full[read_bank] <= 1'b0;
      if (push && final_beat) write_bank <= !write_bank;
      if (take) next_bank <= !next_bank;
    end
  end

`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py, where `take` and `done` are as folded_sequencer gives them.
  // `armed` from the first reset on; `busy` while the read bank is worked on.
  logic armed, busy, held, held_last;
  initial armed = 1'b0;
  always @(posedge clk) begin
    if (!rst_n) armed <= 1'b1;
    busy      <= rst_n && (take || (busy && !done));
    held      <= rst_n && available && !take;
    held_last <= last;
    if (armed && rst_n) begin
`ifdef FORMAL
      assume (!take || (available && (!busy || done)));
      assume (!done || busy);
`else
      begin : a_take assert (!take || (available && (!busy || done))); end
      begin : a_done assert (!done || busy); end
`endif
      begin : a_stays assert (!held || (available && last == held_last)); end
      begin : a_beat assert (32'(beat) < BEATS); end
      // Banks are filled and read in turn: none that is read, or waits, is written to.
      begin : a_read assert (!busy || (read_bank == !next_bank && full[read_bank])); end
      begin : a_full assert (busy || !full[!next_bank] || full[next_bank]); end
      begin : a_turn assert (write_bank == (next_bank ^ (full[next_bank] && (busy || !full[!next_bank])))); end
    end
  end
`endif
endmodule
