// Beside a free-running core where nothing waits: which cycles of its answer count.
// Contract: `start` is high in the cycle in which the core takes a frame, m_valid LATENCY cycles later, for that one cycle. A frame that comes
// sooner than II cycles after the one before it, or after the reset, is not taken and has no answer. m_valid depends on registers only;
// what was in flight before a reset is never answered.
module valid_pipeline #(
    parameter [31:0] LATENCY = 4,
    parameter [31:0] II      = 1
) (
    input  wire logic clk,
    input  wire logic rst_n,
    input  wire logic s_valid,
    output logic      start,
    output logic      m_valid
);
  if (LATENCY < 1) begin : g_bad_latency
    valid_pipeline_LATENCY_must_be_at_least_1 parameters ();
  end
  if (II < 1) begin : g_bad_ii
    valid_pipeline_II_must_be_at_least_1 parameters ();
  end

  // The core has no reset: what it was at must be II cycles ahead then, too.
  if (II == 1) begin : g_every_cycle
    assign start = s_valid;
  end else begin : g_paced
    logic [$clog2(II)-1:0] wait_cycles;
    wire paced = wait_cycles == '0;
    assign start = s_valid && paced;
    always_ff @(posedge clk)
      if (!rst_n || start) wait_cycles <= ($clog2(II))'(II - 1);
      else if (!paced) wait_cycles <= wait_cycles - 1'b1;
`ifndef SYNTHESIS
    // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py: frames are II cycles apart, and as far from the reset.
    logic armed;
    initial armed = 1'b0;
    logic [31:0] since;
    always @(posedge clk) begin
      if (!rst_n) armed <= 1'b1;
      since <= !rst_n || start ? '0 : since < II ? since + 32'd1 : since;
      if (armed && rst_n) begin
        begin : a_since assert (since + 32'(wait_cycles) >= II - 1); end
        begin : a_apart assert (!start || since >= II - 1); end
      end
    end
`endif
  end

  logic [LATENCY-1:0] flying;
  if (LATENCY == 1) begin : g_one
    always_ff @(posedge clk) flying <= rst_n && start;
  end else begin : g_several
    always_ff @(posedge clk) flying <= rst_n ? {flying[LATENCY-2:0], start} : '0;
  end
  assign m_valid = flying[LATENCY-1];
endmodule
