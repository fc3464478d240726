// Output memory of a folded layer: FRAMES frames of BEATS beats.
// Contract: `room` says that a whole frame fits; `start` reserves it, with that frame's `start_last`. The frame's beats are
// then written whenever they come, and are at the output a cycle later. m_last is high with the last beat of a frame that was
// started with start_last.
module frame_fifo #(
    parameter [31:0] WIDTH  = 4,
    parameter [31:0] BEATS  = 8,
    parameter [31:0] FRAMES = 2,
    localparam [31:0] ADDRESS = $clog2(BEATS * FRAMES + 1)
) (
    input  wire logic             clk,
    input  wire logic             rst_n,
    output logic                  room,
    input  wire logic             start,
    input  wire logic             start_last,
    input  wire logic             write,
    input  wire logic [WIDTH-1:0] write_data,
    output logic      [WIDTH-1:0] m_data,
    output logic                  m_valid,
    input  wire logic             m_ready,
    output logic                  m_last
);
  localparam [31:0] FRAME = $clog2(FRAMES + 1);
  localparam [31:0] BEAT = BEATS > 1 ? $clog2(BEATS) : 1;

  // Reservations bound the beats in here to less than 2**ADDRESS, so equal pointers mean empty.
  (* ram_style = "distributed" *) logic [WIDTH-1:0] words[2**ADDRESS];
  logic [ADDRESS-1:0] head, tail;
  logic [BEAT-1:0] beat;
  logic [FRAME-1:0] free, oldest, newest;
  logic [2**FRAME-1:0] lasts;

  wire pop = m_valid && m_ready;
  wire final_beat = beat == BEAT'(BEATS - 1);
  wire leaves = pop && final_beat;
  assign room = free != '0;
  assign m_valid = head != tail;
  assign m_data = words[tail];
  assign m_last = final_beat && lasts[oldest];

  always_ff @(posedge clk) begin
    if (write) words[head] <= write_data;
    if (start) lasts[newest] <= start_last;
    if (!rst_n) begin
      head   <= '0;
      tail   <= '0;
      beat   <= '0;
      oldest <= '0;
      newest <= '0;
      free   <= FRAME'(FRAMES);
    end else begin
      if (write) head <= head + 1'b1;
      if (pop) tail <= tail + 1'b1;
      if (pop) beat <= final_beat ? '0 : beat + 1'b1;
      if (leaves) oldest <= oldest + 1'b1;
      if (start) newest <= newest + 1'b1;
      if (start != leaves) free <= leaves ? free + 1'b1 : free - 1'b1;
    end
  end

`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py. `armed` from the first reset on.
  logic armed;
  initial armed = 1'b0;
  always @(posedge clk) if (!rst_n) armed <= 1'b1;
  stream_contract #(
      .WIDTH(WIDTH + 1)
  ) contract (
      .clk  (clk),
      .rst_n(rst_n),
      .data ({m_last, m_data}),
      .valid(m_valid),
      .ready(m_ready)
  );
  // Reservations are frames of which a beat is still to leave; `owed` of their beats are still to be written.
  logic [ADDRESS-1:0] owed;
  always @(posedge clk)
    if (!rst_n) owed <= '0;
    else owed <= owed + (start ? ADDRESS'(BEATS) : '0) - ADDRESS'(write);
`ifdef FORMAL
  always_comb if (rst_n) assume ((!write || owed != '0) && (!start || room));
`else
  always @(posedge clk) if (armed && rst_n) begin : a_reserved assert ((!write || owed != '0) && (!start || room)); end
`endif
  always @(posedge clk)
    if (armed && rst_n) begin
      begin : a_beats assert (32'(ADDRESS'(head - tail)) + 32'(owed) + 32'(beat) == BEATS * (FRAMES - 32'(free))); end
      begin : a_free assert (32'(free) <= FRAMES); end
      begin : a_frames assert (FRAME'(newest - oldest) == FRAME'(FRAMES - 32'(free))); end
      begin : a_beat assert (32'(beat) < BEATS); end
    end
`endif
endmodule
