// Collects BEATS beats of WIDTH bits into one frame, the first beat in the lowest bits.
// Contract: a frame is at the output one cycle after its last beat was taken. s_ready falls only while a full frame waits:
// it follows m_ready within the cycle, so that the first beat of the next frame comes in as the frame goes out.
// m_last is the s_last of the frame's last beat.
module stream_deserialiser #(
    parameter [31:0] WIDTH = 8,
    parameter [31:0] BEATS = 4
) (
    input  wire logic                   clk,
    input  wire logic                   rst_n,
    input  wire logic [      WIDTH-1:0] s_data,
    input  wire logic                   s_valid,
    output logic                        s_ready,
    input  wire logic                   s_last,
    output logic      [BEATS*WIDTH-1:0] m_data,
    output logic                        m_valid,
    input  wire logic                   m_ready,
    output logic                        m_last
);
  if (BEATS < 2) begin : g_bad_beats
    stream_deserialiser_BEATS_must_be_at_least_2 parameters ();
  end
  localparam [31:0] COUNT = $clog2(BEATS);

  logic [COUNT-1:0] beat;
  wire final_beat = beat == COUNT'(BEATS - 1);
  wire take = s_valid && s_ready;
  assign s_ready = !m_valid || m_ready;
  always_ff @(posedge clk) begin
    if (take) m_data <= {s_data, m_data[BEATS*WIDTH-1:WIDTH]};
    if (take) m_last <= s_last;
    if (!rst_n) begin
      beat <= '0;
      m_valid <= 1'b0;
    end else begin
      if (take) beat <= final_beat ? '0 : beat + 1'b1;
      if (s_ready) m_valid <= take && final_beat;
    end
  end

`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py. `armed` from the first reset on.
  logic armed;
  initial armed = 1'b0;
  always @(posedge clk) if (!rst_n) armed <= 1'b1;
  stream_contract #(
      .WIDTH(BEATS * WIDTH + 1)
  ) contract (
      .clk  (clk),
      .rst_n(rst_n),
      .data ({m_last, m_data}),
      .valid(m_valid),
      .ready(m_ready)
  );
  // Every BEATS beats that came in make one frame, none is lost. What has room takes, and does not wait for m_ready.
  always @(posedge clk)
    if (armed && rst_n) begin
      begin : a_beat assert (32'(beat) < BEATS); end
      begin : a_takes assert (m_valid || s_ready); end
      begin : a_room assert (!(take && final_beat) || !m_valid || m_ready); end
    end
`endif
endmodule
