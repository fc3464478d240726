// Cuts a frame of BEATS * WIDTH bits into BEATS beats, lowest bits first.
// Contract: nothing is stored; the frame is held at the input until its last beat is taken. m_last is high with the last beat
// of a frame that came with s_last.
module stream_serialiser #(
    parameter [31:0] WIDTH = 8,
    parameter [31:0] BEATS = 4
) (
    input  wire logic                   clk,
    input  wire logic                   rst_n,
    input  wire logic [BEATS*WIDTH-1:0] s_data,
    input  wire logic                   s_valid,
    output logic                        s_ready,
    input  wire logic                   s_last,
    output logic      [      WIDTH-1:0] m_data,
    output logic                        m_valid,
    input  wire logic                   m_ready,
    output logic                        m_last
);
  if (BEATS < 2) begin : g_bad_beats
    stream_serialiser_BEATS_must_be_at_least_2 parameters ();
  end
  localparam [31:0] COUNT = $clog2(BEATS);

  logic [COUNT-1:0] beat;
  wire final_beat = beat == COUNT'(BEATS - 1);
  always_ff @(posedge clk)
    if (!rst_n) beat <= '0;
    else if (m_valid && m_ready) beat <= final_beat ? '0 : beat + 1'b1;

  logic [2**COUNT*WIDTH-1:0] beats;
  for (genvar i = 0; i < 2 ** COUNT; i++) begin : g_beats
    if (i < BEATS) begin : g_beat
      assign beats[i*WIDTH+:WIDTH] = s_data[i*WIDTH+:WIDTH];
    end else begin : g_none
      assign beats[i*WIDTH+:WIDTH] = 'x;
    end
  end
  assign m_data  = beats[beat*WIDTH+:WIDTH];
  assign m_valid = s_valid;
  assign m_last  = s_last && final_beat;
  assign s_ready = m_ready && final_beat;

`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py. `armed` from the first reset on.
  logic armed;
  initial armed = 1'b0;
  always @(posedge clk) if (!rst_n) armed <= 1'b1;
  // A frame that waits stays, as long as the one who gives it holds it; it leaves with its last beat only.
  always @(posedge clk)
    if (armed && rst_n) begin
      begin : a_beat assert (32'(beat) < BEATS); end
      begin : a_whole assert (!(s_valid && s_ready) || final_beat); end
      begin : a_one_last assert (!m_last || (s_last && final_beat)); end
    end
`endif
endmodule
