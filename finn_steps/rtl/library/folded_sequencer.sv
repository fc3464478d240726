// Steps through the CYCLES cycles of a frame.
// Contract: `start` is high in the cycle before a frame's first; frames follow each other without a gap when `ready` stays
// high. `next_step` is what `step` will be, for memories with a registered read.
module folded_sequencer #(
    parameter int unsigned CYCLES = 16,
    localparam int unsigned COUNT = CYCLES > 1 ? $clog2(CYCLES) : 1
) (
    input  wire logic             clk,
    input  wire logic             rst_n,
    input  wire logic             ready,
    output logic                  start,
    output logic                  running,
    output logic                  done,
    output logic      [COUNT-1:0] step,
    output logic      [COUNT-1:0] next_step
);
  assign done = running && step == COUNT'(CYCLES - 1);
  assign start = ready && (!running || done);
  assign next_step = start ? '0 : step + 1'b1;
  always_ff @(posedge clk) begin
    step <= next_step;
    running <= rst_n && (start || (running && !done));
  end
endmodule
