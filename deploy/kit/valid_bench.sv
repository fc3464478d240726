// Self-checking test of a core where nothing waits: frames from INPUTS go in, what comes out LATENCY cycles later must be EXPECTED, bit for bit,
// and nothing may come at any other time. Prints one line, PASS or FAIL, and ends with $fatal where it fails.
// Runs, each from reset: one frame alone, a frame every II cycles, random gaps, a reset in mid-stream after which all frames are sent anew,
// and frames too early in every cycle between, which the core must leave out.
// A hex file has one frame a line.
module valid_bench #(
    parameter [31:0] FRAMES   = 1,
    parameter [31:0] IN_BITS  = 8,
    parameter [31:0] OUT_BITS = 8,
    parameter [31:0] LATENCY  = 1,
    parameter [31:0] II       = 1,
    parameter              INPUTS   = "../tb/inputs.hex",
    parameter              EXPECTED = "../tb/expected.hex"
);
  localparam [31:0] RUNS = 5;
  localparam [31:0] RESET_CYCLES = 16;
  localparam [31:0] WORDS = (IN_BITS + 31) / 32;
  localparam [31:0] MIDDLE = LATENCY + (FRAMES * II) / 3;
  localparam [31:0] QUIET_CYCLES = 2 * (LATENCY + II);

  logic clk;
  logic rst_n;
  logic [IN_BITS-1:0] in_data;
  logic in_valid;
  wire [OUT_BITS-1:0] out_data;
  wire out_valid;

  finn_accel dut (
      .ap_clk(clk),
      .ap_rst_n(rst_n),
      .s_axis_0_tdata(in_data),
      .s_axis_0_tvalid(in_valid),
      .m_axis_0_tdata(out_data),
      .m_axis_0_tvalid(out_valid)
  );

  logic [IN_BITS-1:0] inputs[0:FRAMES-1];
  logic [OUT_BITS-1:0] expected[0:FRAMES-1];
  initial begin
    $readmemh(INPUTS, inputs);
    $readmemh(EXPECTED, expected);
    clk = 1'b0;
    forever #5 clk = !clk;
  end

  // All below changes at the rising edge, by nonblocking assignments alone. due[k]: an answer is to come in k cycles.
  logic [31:0] run, frames, cycle, quiet, reset_left, next, given, since, random;
  logic real_one, resets;
  logic [LATENCY:0] due;
  wire [32*WORDS-1:0] garbage = {WORDS{random}};

  initial begin
    run = 0;
    random = 32'h2545f491;
    rst_n = 1'b0;
    reset_left = RESET_CYCLES;
    resets = 1'b0;
    frames = 1;
  end

  task automatic fail(input string what);
    $display("FAIL: run %0d, frame %0d, cycle %0d: %s", run, given, cycle, what);
    $fatal(1);
  endtask

  always @(posedge clk) begin
    random <= shifted(random);
    cycle <= cycle + 1;
    if (!rst_n) begin
      if (reset_left == 0) rst_n <= 1'b1;
      else reset_left <= reset_left - 1;
      {in_valid, real_one} <= '0;
      {cycle, quiet, next, given} <= '0;
      since <= 1;
      due <= '0;
      in_data <= garbage[IN_BITS-1:0];
    end else begin
      drive;
      watch;
    end
  end

  // `since`: cycles since the last frame that the core takes, or the reset; the next may come when it is II - 1.
  task automatic drive;
    if (since + 1 >= II && next < frames && (run < 2 || run == 4 || random[7:0] < 8'd160)) begin
      in_valid <= 1'b1;
      real_one <= 1'b1;
      in_data  <= inputs[next];
      next     <= next + 1;
      since    <= 0;
    end else begin
      in_valid <= run == 4 && since + 1 < II;
      real_one <= 1'b0;
      in_data  <= garbage[IN_BITS-1:0];
      since    <= since + 1;
    end
    due <= {real_one, due[LATENCY:1]};
  endtask

  task automatic watch;
    if (due[1] && out_valid !== 1'b1) fail("no answer when it was due");
    if (!due[1] && out_valid !== 1'b0) fail("m_axis_0_tvalid is high, or unknown, when no answer is due");
    if (out_valid && out_data !== expected[given]) begin
      $display("m_axis_0_tdata is %h, expected %h", out_data, expected[given]);
      fail("wrong data");
    end
    if (out_valid) given <= given + 1;
    quiet <= out_valid || next < frames ? 0 : quiet + 1;
    if (run == 3 && !resets && cycle == MIDDLE) begin
      resets <= 1'b1;
      restart(run);
    end else if (given == frames && quiet >= QUIET_CYCLES) begin
      if (run == RUNS - 1) begin
        $display("PASS: %0d frames in %0d runs with gaps, a reset and early frames; latency %0d cycles, II %0d", FRAMES, RUNS, LATENCY, II);
        $finish;
      end else restart(run + 1);
    end else if (quiet > 4 * QUIET_CYCLES) fail("answers are missing");
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
