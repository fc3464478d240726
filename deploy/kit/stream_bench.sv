// Self-checking test of a core with AXI-Stream ports: frames from INPUTS go in, what comes out must be EXPECTED, bit for bit. Prints one
// line, PASS or FAIL, and ends with $fatal where it fails.
// Runs, each from reset: one frame alone (its latency), all frames back to back (their rate), with input gaps, with output stalls, with both,
// and with both and a reset in mid-stream, after which all frames are sent anew.
// A hex file has one beat a line. Latency: from the cycle in which a frame's first beat is taken to that in which the last beat of
// its answer is given.
module stream_bench #(
    parameter [31:0] FRAMES    = 1,
    parameter [31:0] IN_BEATS  = 1,
    parameter [31:0] IN_BITS   = 8,
    parameter [31:0] OUT_BEATS = 1,
    parameter [31:0] OUT_BITS  = 8,
    parameter [31:0] LATENCY   = 1,
    parameter [31:0] II        = 1,
    parameter              INPUTS    = "../tb/inputs.hex",
    parameter              EXPECTED  = "../tb/expected.hex"
);
  localparam [31:0] RUNS = 6;
  localparam [31:0] RESET_CYCLES = 16;
  localparam [31:0] QUIET_CYCLES = 64;
  localparam [31:0] WORDS = (IN_BITS + 31) / 32;
  localparam [31:0] PATIENCE = 100000 + 1000 * (LATENCY + II);
  localparam [31:0] MIDDLE = LATENCY + (FRAMES * II) / 3;

  logic clk;
  logic rst_n;
  logic [IN_BITS-1:0] s_data;
  logic s_valid, s_last;
  wire s_ready;
  wire [OUT_BITS-1:0] m_data;
  wire m_valid, m_last;
  logic m_ready;

  finn_accel dut (
      .ap_clk(clk),
      .ap_rst_n(rst_n),
      .s_axis_0_tdata(s_data),
      .s_axis_0_tvalid(s_valid),
      .s_axis_0_tready(s_ready),
      .s_axis_0_tlast(s_last),
      .m_axis_0_tdata(m_data),
      .m_axis_0_tvalid(m_valid),
      .m_axis_0_tready(m_ready),
      .m_axis_0_tlast(m_last)
  );

  logic [IN_BITS-1:0] inputs[0:FRAMES*IN_BEATS-1];
  logic [OUT_BITS-1:0] expected[0:FRAMES*OUT_BEATS-1];
  initial begin
    $readmemh(INPUTS, inputs);
    $readmemh(EXPECTED, expected);
    clk = 1'b0;
    forever #5 clk = !clk;
  end

  // All below changes at the rising edge, by nonblocking assignments alone.
  logic [31:0] run, frames, cycle, quiet, reset_left, next, sent, given, taken_at, half_at;
  logic [31:0] random, in_left, out_left;
  logic in_closed, out_closed, resets, held, held_last;
  logic [OUT_BITS-1:0] held_data;
  wire [32*WORDS-1:0] garbage = {WORDS{random}};
  wire gaps = run == 2 || run >= 4;
  wire stalls = run >= 3;
  wire [31:0] half = frames / 2;

  initial begin
    run = 0;
    random = 32'h2545f491;
    rst_n = 1'b0;
    reset_left = RESET_CYCLES;
    resets = 1'b0;
    frames = 1;
  end

  task automatic fail(input string what, input [31:0] beat);
    $display("FAIL: run %0d, output beat %0d (frame %0d), cycle %0d: %s", run, beat, beat / OUT_BEATS, cycle, what);
    $fatal(1);
  endtask

  always @(posedge clk) begin
    random <= shifted(random);
    cycle <= cycle + 1;
    if (!rst_n) begin
      if (reset_left == 0) rst_n <= 1'b1;
      else reset_left <= reset_left - 1;
      {s_valid, m_ready, held, in_closed, out_closed} <= '0;
      {cycle, quiet, next, sent, given, in_left, out_left, taken_at, half_at} <= '0;
      s_data <= garbage[IN_BITS-1:0];
      s_last <= random[31];
    end else begin
      drive;
      watch;
    end
  end

  // Runs of 1 to 16 cycles, a third of the time closed.
  task automatic drive;
    if (in_left == 0) begin
      in_closed <= gaps && random[7:0] < 8'd85;
      in_left   <= {28'd0, random[11:8]};
    end else in_left <= in_left - 1;
    if (out_left == 0) begin
      out_closed <= stalls && random[19:12] < 8'd85;
      out_left   <= {28'd0, random[23:20]};
    end else out_left <= out_left - 1;
    m_ready <= !out_closed;
    if (!s_valid || s_ready) begin
      if (cycle >= II && next < frames * IN_BEATS && !in_closed) begin
        s_valid <= 1'b1;
        s_data  <= inputs[next];
        s_last  <= next == frames * IN_BEATS - 1;
        next    <= next + 1;
      end else begin
        s_valid <= 1'b0;
        s_data  <= garbage[IN_BITS-1:0];
        s_last  <= random[31];
      end
    end
    if (s_valid && s_ready) begin
      if (sent == 0) taken_at <= cycle;
      sent <= sent + 1;
    end
  endtask

  task automatic watch;
    if (m_valid !== 1'b0 && m_valid !== 1'b1) fail("m_axis_0_tvalid is unknown", given);
    if (s_ready !== 1'b0 && s_ready !== 1'b1) fail("s_axis_0_tready is unknown", given);
    if (held && !m_valid) fail("m_axis_0_tvalid fell before tready", given);
    if (held && (m_data !== held_data || m_last !== held_last)) fail("m_axis_0 changed while it waited for tready", given);
    held <= m_valid && !m_ready;
    held_data <= m_data;
    held_last <= m_last;
    if (m_valid && given == frames * OUT_BEATS) fail("more came out than went in", given);
    else if (m_valid && m_data !== expected[given]) begin
      $display("m_axis_0_tdata is %h, expected %h", m_data, expected[given]);
      fail("wrong data", given);
    end else if (m_valid && m_last !== (given == frames * OUT_BEATS - 1)) fail("m_axis_0_tlast is wrong", given);
    if (m_valid && m_ready) begin
      given <= given + 1;
      if (run == 0 && given == OUT_BEATS - 1 && cycle - taken_at != LATENCY) fail("the latency is not the one that was promised", given);
      if (given == (half + 1) * OUT_BEATS - 1) half_at <= cycle;
      if (run == 1 && frames > 1 && given == frames * OUT_BEATS - 1 && cycle - half_at > II * (frames - 1 - half))
        fail("frames came out more slowly than was promised", given);
    end
    quiet <= m_valid || (s_valid && s_ready) ? 0 : quiet + 1;
    if (quiet > PATIENCE) fail("the stream hung", given);
    if (run == RUNS - 1 && !resets && cycle == MIDDLE) begin
      resets <= 1'b1;
      restart(run);
    end else if (given == frames * OUT_BEATS && quiet >= QUIET_CYCLES) begin
      if (run == RUNS - 1) begin
        $display("PASS: %0d frames in %0d runs with gaps, stalls and a reset; latency %0d cycles, II %0d", FRAMES, RUNS, LATENCY, II);
        $finish;
      end else restart(run + 1);
    end
  endtask

  task automatic restart(input [31:0] number);
    run        <= number;
    frames     <= number == 0 ? 1 : FRAMES;
    rst_n      <= 1'b0;
    reset_left <= RESET_CYCLES;
  endtask

  function automatic [31:0] shifted(input [31:0] state);
    logic [31:0] s;
    s = state ^ (state << 13);
    s = s ^ (s >> 17);
    return s ^ (s << 5);
  endfunction
endmodule
