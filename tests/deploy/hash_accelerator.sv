// Stands for an accelerator of any stream shape: one frame at a time, its answer a function of all bytes of the frame, after a
// number of cycles that depends on them. Output byte i of a frame is (sum of its input bytes) + i, modulo 256.
module finn_accel #(
    parameter int unsigned IN_DATA = 1,
    parameter int unsigned IN_BEATS = 1,
    parameter int unsigned OUT_DATA = 1,
    parameter int unsigned OUT_BEATS = 1
) (
    input  wire logic                  ap_clk,
    input  wire logic                  ap_rst_n,
    input  wire logic [8*IN_DATA-1:0]  s_axis_0_tdata,
    input  wire logic                  s_axis_0_tvalid,
    output      logic                  s_axis_0_tready,
    input  wire logic                  s_axis_0_tlast,
    output      logic [8*OUT_DATA-1:0] m_axis_0_tdata,
    output      logic                  m_axis_0_tvalid,
    input  wire logic                  m_axis_0_tready,
    output      logic                  m_axis_0_tlast
);
  logic [7:0]  sum, beat_sum;
  logic [15:0] count;
  logic [3:0]  wait_left;
  logic        answering, last;
  always_comb begin
    beat_sum = sum;
    for (int i = 0; i < IN_DATA; i++) beat_sum = beat_sum + s_axis_0_tdata[8*i+:8];
    for (int i = 0; i < OUT_DATA; i++) m_axis_0_tdata[8*i+:8] = sum + 8'(count * 16'(OUT_DATA)) + 8'(i);
  end
  assign s_axis_0_tready = !answering;
  assign m_axis_0_tvalid = answering && wait_left == '0;
  assign m_axis_0_tlast  = last && count == 16'(OUT_BEATS - 1);
  always_ff @(posedge ap_clk)
    if (!ap_rst_n) begin
      answering <= 1'b0;
      count     <= '0;
      sum       <= '0;
    end else if (!answering) begin
      if (s_axis_0_tvalid) begin
        sum   <= beat_sum;
        count <= count + 16'd1;
        if (count == 16'(IN_BEATS - 1)) begin
          answering <= 1'b1;
          count     <= '0;
          last      <= s_axis_0_tlast;
          wait_left <= beat_sum[3:0];
        end
      end
    end else if (wait_left != '0) wait_left <= wait_left - 4'd1;
    else if (m_axis_0_tready) begin
      count <= count + 16'd1;
      if (count == 16'(OUT_BEATS - 1)) begin
        answering <= 1'b0;
        count     <= '0;
        sum       <= '0;
      end
    end
endmodule
