// Handshake around a free-running core: admits a frame only when the output memory has room for all that is in flight.
// Contract: `start` is high in the cycle in which the core takes a frame, at most every II cycles; `y` is that frame's answer
// LATENCY cycles later, and may be anything at other times. The answer is at the output one cycle after `y`, and stays until
// it is taken. The core is never stopped, so no enable fans out. CREDITS frames keep the full rate: one returns two cycles
// after its answer. s_ready depends on registers only.
module credit_pipeline #(
    parameter [31:0] WIDTH   = 8,
    parameter [31:0] LATENCY = 4,
    parameter [31:0] II      = 1,
    parameter [31:0] CREDITS = (LATENCY + II + 1) / II
) (
    input  wire logic             clk,
    input  wire logic             rst_n,
    input  wire logic             s_valid,
    output logic                  s_ready,
    input  wire logic             s_last,
    output logic                  start,
    input  wire logic [WIDTH-1:0] y,
    output logic      [WIDTH-1:0] m_data,
    output logic                  m_valid,
    input  wire logic             m_ready,
    output logic                  m_last
);
  if (II < 1) begin : g_bad_ii
    credit_pipeline_II_must_be_at_least_1 parameters ();
  end
  if (CREDITS < 1) begin : g_bad_credits
    credit_pipeline_CREDITS_must_be_at_least_1 parameters ();
  end
  localparam [31:0] ADDRESS = $clog2(CREDITS + 1);

  // Frames that may still be admitted.
  logic [ADDRESS-1:0] credits;
  logic paced;
  wire pop = m_valid && m_ready;
  assign s_ready = credits != '0 && paced;
  assign start   = s_valid && s_ready;
  always_ff @(posedge clk)
    if (!rst_n) credits <= ADDRESS'(CREDITS);
    else if (start != pop) credits <= pop ? credits + 1'b1 : credits - 1'b1;

  // One frame in II cycles, counted after a reset too: the core has none, and what it was at must be II cycles ahead.
  if (II == 1) begin : g_every_cycle
    assign paced = 1'b1;
  end else begin : g_paced
    logic [$clog2(II)-1:0] wait_cycles;
    assign paced = wait_cycles == '0;
    always_ff @(posedge clk)
      if (!rst_n) wait_cycles <= ($clog2(II))'(II - 1);
      else if (start) wait_cycles <= ($clog2(II))'(II - 1);
      else if (!paced) wait_cycles <= wait_cycles - 1'b1;
  end

  // Which cycles of `y` are answers, and which of them the last of a batch.
  logic answered, answered_last;
`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py. `armed` from the first reset on.
  logic armed;
  initial armed = 1'b0;
  always @(posedge clk) if (!rst_n) armed <= 1'b1;
  logic [ADDRESS-1:0] flying;
  always @(posedge clk)
    if (!rst_n) flying <= '0;
    else if (start != answered) flying <= start ? flying + 1'b1 : flying - 1'b1;
`endif
  if (LATENCY == 0) begin : g_combinational
    assign answered = start;
    assign answered_last = s_last;
  end else if (LATENCY == 1) begin : g_one
    always_ff @(posedge clk) answered <= rst_n && start;
    always_ff @(posedge clk) answered_last <= s_last;
`ifndef SYNTHESIS
    always @(posedge clk) if (armed && rst_n) begin : a_flying assert (flying == ADDRESS'(answered)); end
`endif
  end else begin : g_pipeline
    logic [LATENCY-1:0] valid, last;
`ifndef SYNTHESIS
    logic [31:0] pulses;
    always_comb begin
      pulses = '0;
      for (int unsigned i = 0; i < LATENCY; i++) pulses += 32'(valid[i]);
    end
    always @(posedge clk) if (armed && rst_n) begin : a_flying assert (32'(flying) == pulses); end
`endif
    always_ff @(posedge clk) valid <= rst_n ? {valid[LATENCY-2:0], start} : '0;
    always_ff @(posedge clk) last <= {last[LATENCY-2:0], s_last};
    assign answered = valid[LATENCY-1];
    assign answered_last = last[LATENCY-1];
  end

  // Credits bound what is in here to less than 2**ADDRESS, so equal pointers mean empty and nothing overflows.
  logic [WIDTH:0] answers[2**ADDRESS];
  logic [ADDRESS-1:0] write, read;
  always_ff @(posedge clk) if (answered) answers[write] <= {answered_last, y};
  always_ff @(posedge clk)
    if (!rst_n) begin
      write <= '0;
      read  <= '0;
    end else begin
      if (answered) write <= write + 1'b1;
      if (pop) read <= read + 1'b1;
    end
  assign {m_last, m_data} = answers[read];
  assign m_valid = write != read;

`ifndef SYNTHESIS
  stream_contract #(
      .WIDTH(WIDTH + 1)
  ) contract (
      .clk  (clk),
      .rst_n(rst_n),
      .data ({m_last, m_data}),
      .valid(m_valid),
      .ready(m_ready)
  );
  // A frame is a free credit, in the core, or an answer that waits: none is lost or made up.
  always @(posedge clk)
    if (armed && rst_n) begin : a_credits assert (32'(credits) + 32'(flying) + 32'(ADDRESS'(write - read)) == CREDITS); end
`endif
endmodule
