// One register stage. s_ready follows m_ready within the cycle, so that the full rate is kept.
module stream_register #(
    parameter int unsigned WIDTH = 8
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
  always_ff @(posedge clk) if (!rst_n) armed <= 1'b1;
  logic held_valid;
  logic [(WIDTH+1)-1:0] held_data;
  always_ff @(posedge clk) begin
    held_valid <= rst_n && m_valid && !m_ready;
    held_data  <= {m_last, m_data};
    if (armed && rst_n && held_valid) begin
      a_valid_stays : assert (m_valid);
      a_data_stay : assert ({m_last, m_data} == held_data);
    end
  end
`endif
endmodule
