// Gathers the accelerator's output beats into memory words.
//
// A beat has DATA bytes on the accelerator's port and BEAT bytes in memory (zeros above DATA); a word has WORD bytes. BEAT
// and WORD: one divides the other. Byte 0 of memory is in the least significant bits. One beat and one word move in each
// cycle at best; m_* is registered. The word that ends a batch has TLAST, and TKEEP for the bytes that count.
module beats_to_words #(
    parameter int unsigned DATA = 9,
    parameter int unsigned BEAT = 16,
    parameter int unsigned WORD = 8,
    localparam int unsigned RATIO = BEAT > WORD ? BEAT / WORD : WORD / BEAT,
    localparam int unsigned COUNT = $clog2(RATIO + 1)
) (
    input  wire logic              clk,
    input  wire logic              rst_n,
    input  wire logic [8*DATA-1:0] s_data,
    input  wire logic              s_last,
    input  wire logic              s_valid,
    output      logic              s_ready,
    output      logic [8*WORD-1:0] m_data,
    output      logic [WORD-1:0]   m_keep,
    output      logic              m_last,
    output      logic              m_valid,
    input  wire logic              m_ready
);
  if ((BEAT > WORD ? BEAT % WORD != 0 : WORD % BEAT != 0) || DATA > BEAT) begin : g_widths
    $error("beats_to_words: BEAT (%0d) and WORD (%0d), one must divide the other, and hold DATA (%0d)", BEAT, WORD, DATA);
  end

`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py. `armed` from the first reset on.
  logic armed, held;
  initial armed = 1'b0;
  logic [9*WORD:0] held_word;
  always @(posedge clk) begin
    if (!rst_n) armed <= 1'b1;
    held      <= rst_n && m_valid && !m_ready;
    held_word <= {m_last, m_keep, m_data};
    if (armed && rst_n) begin : a_takes assert (m_valid || s_ready); end  // what is empty does not wait for m_ready
    if (armed && rst_n && held) begin
      begin : a_valid_stays assert (m_valid); end
      begin : a_data_stay assert ({m_last, m_keep, m_data} == held_word); end
    end
  end
`endif

  wire logic take = s_valid && s_ready;
  if (BEAT > WORD) begin : g_split
    logic [8*BEAT-1:0] beat;
    logic [COUNT-1:0]  left;
    logic              last;
    assign s_ready = left == '0 || (left == COUNT'(1) && m_ready);
    assign m_data  = beat[8*WORD-1:0];
    assign m_keep  = '1;
    assign m_last  = last && left == COUNT'(1);
    assign m_valid = left != '0;
    always_ff @(posedge clk) begin
      if (take) begin
        beat <= (8*BEAT)'(s_data);
        last <= s_last;
      end else if (m_valid && m_ready) beat <= beat >> (8 * WORD);
      if (!rst_n) left <= '0;
      else if (take) left <= COUNT'(RATIO);
      else if (m_valid && m_ready) left <= left - COUNT'(1);
    end
`ifndef SYNTHESIS
    // A beat is taken only as the last word of the one before it leaves.
    always @(posedge clk)
      if (armed && rst_n) begin
        /* verilator lint_off CMPCONST */  // at some ratios the counter holds no more
        begin : a_left assert (left <= COUNT'(RATIO)); end
        /* verilator lint_on CMPCONST */
        begin : a_room assert (!take || left == '0 || (left == COUNT'(1) && m_ready)); end
      end
`endif
  end else begin : g_gather
    logic [COUNT-1:0]  filled;
    logic              done;
    wire logic [COUNT-1:0] at = done ? '0 : filled;
    assign s_ready = !done || m_ready;
    assign m_valid = done;
    always_ff @(posedge clk) begin
      if (take) begin
        for (int i = 0; i < RATIO; i++) begin
          if (at == COUNT'(i)) m_data[8*BEAT*i+:8*BEAT] <= (8*BEAT)'(s_data);
          m_keep[BEAT*i+:BEAT] <= {BEAT{at >= COUNT'(i)}};
        end
        m_last <= s_last;
      end
      if (!rst_n) begin
        filled <= '0;
        done   <= 1'b0;
      end else if (take) begin
        filled <= at + COUNT'(1);
        done   <= s_last || at == COUNT'(RATIO - 1);
      end else if (done && m_ready) begin
        filled <= '0;
        done   <= 1'b0;
      end
    end
`ifndef SYNTHESIS
    // No beat is taken where it would replace a word that waits; a word waits when it is full, or ends a batch.
    always @(posedge clk)
      if (armed && rst_n) begin
        /* verilator lint_off CMPCONST */  // at some ratios the counter holds no more
        begin : a_filled assert (done ? filled != '0 && filled <= COUNT'(RATIO) : filled < COUNT'(RATIO)); end
        /* verilator lint_on CMPCONST */
        begin : a_room assert (!(take && done) || m_ready); end
        begin : a_done assert (!done || m_last || filled == COUNT'(RATIO)); end
      end
`endif
  end
endmodule
