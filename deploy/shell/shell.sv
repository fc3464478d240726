// The accelerator as the block design sees it: DMA streams in and out, AXI-Lite for the measurement block.
//
// words -> words_to_beats -> finn_accel -> beats_to_words -> words, all in one clock. While `flush` (a control bit) is set the
// accelerator and both converters are in reset, input words are taken and dropped, and no output is given; m_axis_tvalid may
// fall unanswered then, so the DMA is reset too (deploy/driver.py does both). While `pattern` is set the converter is fed by
// the pattern source, one beat a word, and outputs are dropped; the pattern has no TLAST.
module shell #(
    parameter logic [63:0] ID = 64'h0,
    parameter int unsigned WORD = 8,
    parameter int unsigned IN_DATA = 16,
    parameter int unsigned IN_BYTES = 16,
    parameter int unsigned IN_BEATS = 1,
    parameter int unsigned OUT_DATA = 9,
    parameter int unsigned OUT_BYTES = 16,
    parameter int unsigned OUT_BEATS = 1
) (
    input  wire logic              aclk,
    input  wire logic              aresetn,
    input  wire logic [11:0]       s_axi_awaddr,
    input  wire logic              s_axi_awvalid,
    output      logic              s_axi_awready,
    input  wire logic [31:0]       s_axi_wdata,
    input  wire logic [3:0]        s_axi_wstrb,
    input  wire logic              s_axi_wvalid,
    output      logic              s_axi_wready,
    output      logic [1:0]        s_axi_bresp,
    output      logic              s_axi_bvalid,
    input  wire logic              s_axi_bready,
    input  wire logic [11:0]       s_axi_araddr,
    input  wire logic              s_axi_arvalid,
    output      logic              s_axi_arready,
    output      logic [31:0]       s_axi_rdata,
    output      logic [1:0]        s_axi_rresp,
    output      logic              s_axi_rvalid,
    input  wire logic              s_axi_rready,
    input  wire logic [8*WORD-1:0] s_axis_tdata,
    input  wire logic [WORD-1:0]   s_axis_tkeep,
    input  wire logic              s_axis_tlast,
    input  wire logic              s_axis_tvalid,
    output      logic              s_axis_tready,
    output      logic [8*WORD-1:0] m_axis_tdata,
    output      logic [WORD-1:0]   m_axis_tkeep,
    output      logic              m_axis_tlast,
    output      logic              m_axis_tvalid,
    input  wire logic              m_axis_tready
);
  logic flush, pattern, pattern_1, full, hold, cut, core_rst_n, rst_n;
  always_ff @(posedge aclk) begin
    pattern_1  <= aresetn && pattern;
    core_rst_n <= aresetn && !flush;
    rst_n      <= aresetn && !flush && pattern == pattern_1;
  end

  // Nothing enters the accelerator while the converters are in reset.
  assign hold = full || !rst_n;

  logic [8*WORD-1:0] word;
  logic word_ready;
  wire logic word_valid = rst_n && (pattern_1 || (s_axis_tvalid && !pattern));
  assign s_axis_tready = flush || (rst_n && !pattern && word_ready);
  pattern_source #(.WORD(WORD)) source (
      .clk(aclk), .run(pattern_1), .taken(word_valid && word_ready), .data(s_axis_tdata), .word
  );

  logic [8*IN_BYTES-1:0] in_data;
  logic in_last, in_valid, in_ready;
  words_to_beats #(.WORD(WORD), .BEAT(IN_BYTES)) cutter (
      .clk(aclk), .rst_n, .slide(pattern_1), .cut,
      .s_data(word), .s_keep(s_axis_tkeep), .s_last(s_axis_tlast && !pattern_1),
      .s_valid(word_valid), .s_ready(word_ready),
      .m_data(in_data), .m_last(in_last), .m_valid(in_valid), .m_ready(in_ready && !hold)
  );

  logic [8*OUT_DATA-1:0] out_data;
  logic out_last, out_valid, out_ready, gather_ready;
  assign out_ready = pattern || gather_ready;
  finn_accel accelerator (
      .ap_clk(aclk), .ap_rst_n(core_rst_n),
      .s_axis_0_tdata(in_data[8*IN_DATA-1:0]), .s_axis_0_tvalid(in_valid && !hold), .s_axis_0_tready(in_ready),
      .s_axis_0_tlast(in_last),
      .m_axis_0_tdata(out_data), .m_axis_0_tvalid(out_valid), .m_axis_0_tready(out_ready), .m_axis_0_tlast(out_last)
  );

  beats_to_words #(.DATA(OUT_DATA), .BEAT(OUT_BYTES), .WORD(WORD)) gatherer (
      .clk(aclk), .rst_n, .s_data(out_data), .s_last(out_last), .s_valid(out_valid && !pattern), .s_ready(gather_ready),
      .m_data(m_axis_tdata), .m_keep(m_axis_tkeep), .m_last(m_axis_tlast), .m_valid(m_axis_tvalid), .m_ready(m_axis_tready)
  );

  measure #(
      .ID(ID), .WORD(WORD), .IN_BYTES(IN_BYTES), .IN_BEATS(IN_BEATS), .OUT_BYTES(OUT_BYTES), .OUT_BEATS(OUT_BEATS)
  ) measure (
      .clk(aclk), .rst_n(aresetn),
      .awaddr(s_axi_awaddr), .awvalid(s_axi_awvalid), .awready(s_axi_awready), .wdata(s_axi_wdata), .wstrb(s_axi_wstrb),
      .wvalid(s_axi_wvalid), .wready(s_axi_wready), .bresp(s_axi_bresp), .bvalid(s_axi_bvalid), .bready(s_axi_bready),
      .araddr(s_axi_araddr), .arvalid(s_axi_arvalid), .arready(s_axi_arready), .rdata(s_axi_rdata), .rresp(s_axi_rresp),
      .rvalid(s_axi_rvalid), .rready(s_axi_rready),
      .in_valid(in_valid && !hold), .in_ready, .in_last, .out_valid, .out_ready,
      .cut, .word_valid(m_axis_tvalid), .word_ready(m_axis_tready),
      .hold(full), .flush, .pattern, .feeding(pattern_1)
  );

`ifndef SYNTHESIS
  // Checked in simulation: what is offered to the accelerator stays until it is taken, though `hold` stands between, and so does
  // what is offered outside. `armed` from the first reset on.
  logic armed, held_in, held_out;
  initial armed = 1'b0;
  logic [8*IN_BYTES:0] held_beat;
  logic [9*WORD:0]     held_word;
  always @(posedge aclk) begin
    if (!aresetn) armed <= 1'b1;
    held_in   <= rst_n && in_valid && !hold && !in_ready;
    held_out  <= rst_n && m_axis_tvalid && !m_axis_tready;
    held_beat <= {in_last, in_data};
    held_word <= {m_axis_tlast, m_axis_tkeep, m_axis_tdata};
    if (armed && rst_n) begin
      begin : a_in_stays assert (!held_in || (in_valid && !hold && {in_last, in_data} == held_beat)); end
      begin : a_out_stays assert (!held_out || (m_axis_tvalid && {m_axis_tlast, m_axis_tkeep, m_axis_tdata} == held_word)); end
    end
  end
`endif
endmodule
