// Cuts a stream of memory words into the accelerator's beats.
//
// A word has WORD bytes, a beat BEAT bytes; one divides the other (a narrower beat is a power of two, a wider one a multiple
// of the word). Byte 0 of memory is in the least significant bits. One word and one beat move in each cycle at best; m_* is
// registered. TKEEP tells how many bytes of a batch's last word count; all other words are full.
// `cut` is high for one cycle when a batch ends within a beat; that part of a beat is dropped, TLAST with it.
// With `slide` each word makes a beat: the last BEAT bytes that came. The pattern source feeds a beat a cycle so.
module words_to_beats #(
    parameter int unsigned WORD = 8,
    parameter int unsigned BEAT = 16,
    localparam int unsigned RATIO = BEAT > WORD ? BEAT / WORD : WORD / BEAT,
    localparam int unsigned COUNT = $clog2(RATIO + 1)
) (
    input  wire logic              clk,
    input  wire logic              rst_n,
    input  wire logic              slide,
    output      logic              cut,
    input  wire logic [8*WORD-1:0] s_data,
    input  wire logic [WORD-1:0]   s_keep,
    input  wire logic              s_last,
    input  wire logic              s_valid,
    output      logic              s_ready,
    output      logic [8*BEAT-1:0] m_data,
    output      logic              m_last,
    output      logic              m_valid,
    input  wire logic              m_ready
);
  if (BEAT > WORD ? BEAT % WORD != 0 : WORD % BEAT != 0) begin : g_widths
    $error("words_to_beats: BEAT (%0d) and WORD (%0d), one must divide the other", BEAT, WORD);
  end

`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py. `armed` from the first reset on.
  logic armed, held;
  initial armed = 1'b0;
  logic [8*BEAT:0] held_beat;
  always @(posedge clk) begin
    if (!rst_n) armed <= 1'b1;
    held      <= rst_n && m_valid && !m_ready;
    held_beat <= {m_last, m_data};
    if (armed && rst_n) begin : a_takes assert (m_valid || s_ready); end  // what is empty does not wait for m_ready
    if (armed && rst_n && held) begin
      begin : a_valid_stays assert (m_valid); end
      begin : a_data_stay assert ({m_last, m_data} == held_beat); end
    end
  end
`endif

  if (BEAT > WORD) begin : g_gather
    logic [8*BEAT-1:0] beat;
    logic [COUNT-1:0]  filled;
    logic              last;
    wire logic         full   = filled == COUNT'(RATIO);
    wire logic [COUNT-1:0] next = slide ? COUNT'(RATIO) : (full ? '0 : filled) + COUNT'(1);
    wire logic         take   = s_valid && s_ready;
    wire logic         broken = s_last && !(next == COUNT'(RATIO) && s_keep[WORD-1]);

    assign s_ready = !full || m_ready;
    assign m_data  = beat;
    assign m_last  = last;
    assign m_valid = full;
    always_ff @(posedge clk) begin
      cut <= rst_n && take && broken;
      if (take) begin
        beat <= {s_data, beat[8*BEAT-1:8*WORD]};
        last <= s_last;
      end
      if (!rst_n) filled <= '0;
      else if (take) filled <= broken ? '0 : next;
      else if (full && m_ready) filled <= '0;
    end
`ifndef SYNTHESIS
    // No word is taken where it would replace a beat that waits.
    always @(posedge clk)
      if (armed && rst_n) begin
        /* verilator lint_off CMPCONST */  // at some ratios the counter holds no more
        begin : a_filled assert (filled <= COUNT'(RATIO)); end
        /* verilator lint_on CMPCONST */
        begin : a_room assert (!(take && full) || m_ready); end
      end
`endif
    wire logic _unused = &{1'b0, s_keep};
  end else begin : g_split
    logic [8*WORD-1:0] word;
    logic [COUNT-1:0]  left;
    logic              last;
    wire logic         take = s_valid && s_ready;
    logic [COUNT-1:0]  beats;
    always_comb begin
      beats = COUNT'(RATIO);
      if (s_last) begin
        beats = '0;
        for (int i = 0; i < RATIO; i++) beats = beats + COUNT'(s_keep[i*BEAT+BEAT-1]);
      end
    end
    wire logic [RATIO-1:0] firsts;
    wire logic [RATIO-1:0] lasts;
    for (genvar i = 0; i < RATIO; i++) begin : g_whole
      assign firsts[i] = s_keep[i*BEAT];
      assign lasts[i]  = s_keep[i*BEAT+BEAT-1];
    end

    assign s_ready = left == '0 || (left == COUNT'(1) && m_ready);
    assign m_data  = word[8*BEAT-1:0];
    assign m_last  = last && left == COUNT'(1);
    assign m_valid = left != '0;
    always_ff @(posedge clk) begin
      cut <= rst_n && take && s_last && (firsts != lasts || !lasts[0]);
      if (take) begin
        word <= s_data;
        last <= s_last && firsts == lasts;
      end else if (m_valid && m_ready) word <= word >> (8 * BEAT);
      if (!rst_n) left <= '0;
      else if (take) left <= beats;
      else if (m_valid && m_ready) left <= left - COUNT'(1);
    end
`ifndef SYNTHESIS
    // A word is taken only as the last beat of the one before it leaves.
    always @(posedge clk)
      if (armed && rst_n) begin
        /* verilator lint_off CMPCONST */  // at some ratios the counter holds no more
        begin : a_left assert (left <= COUNT'(RATIO)); end
        /* verilator lint_on CMPCONST */
        begin : a_room assert (!take || left == '0 || (left == COUNT'(1) && m_ready)); end
      end
`endif
    wire logic _unused = &{1'b0, s_keep, slide};
  end
endmodule
