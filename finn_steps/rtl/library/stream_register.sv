// One register stage. s_ready follows m_ready within the cycle, so that the full rate is kept.
module stream_register #(
    parameter [31:0] WIDTH = 8
) (
    input  wire logic             clk,
    input  wire logic             rst_n,
    input  wire logic [WIDTH-1:0] s_data,
    input  wire logic             s_valid,
    output logic                  s_ready,
    input  wire logic             s_last,
    output logic      [WIDTH-1:0] m_data,
    output logic                  m_valid,
    input  wire logic             m_ready,
    output logic                  m_last
);
  assign s_ready = !m_valid || m_ready;
  always_ff @(posedge clk) begin
    if (s_ready) m_data <= s_data;
    if (s_ready) m_last <= s_last;
    if (!rst_n) m_valid <= 1'b0;
    else if (s_ready) m_valid <= s_valid;
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
  // What is empty takes, and does not wait for m_ready.
  always @(posedge clk)
    if (armed && rst_n) begin
      begin : a_takes assert (m_valid || s_ready); end
    end
`endif
endmodule
