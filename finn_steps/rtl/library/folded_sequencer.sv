// Steps through the CYCLES cycles of a frame.
// Contract: `start` is high in the cycle in which a frame is admitted, and `take` two cycles later, when its inputs must still
// be there and leave; `ready` is not looked at in between. `step` addresses memories with a registered read: what they say is
// for the cycle in which `running` is high, from the third after `start` on. `done` is high in its last. Frames follow each
// other without a gap. `first` is high as `running` begins a frame's step FIRST. `step` is a copy of the counter, so that a
// synthesis tool does not take the counter's carry chain for a part of the memories' logic.
module folded_sequencer #(
    parameter [31:0] CYCLES = 16,
    parameter [31:0] FIRST  = 2,
    localparam [31:0] COUNT = $clog2(CYCLES)
) (
    input  wire logic             clk,
    input  wire logic             rst_n,
    input  wire logic             ready,
    output logic                  start,
    output logic                  take,
    output logic                  running,
    output logic                  done,
    output logic                  first,
    output logic      [COUNT-1:0] step
);
  if (CYCLES < 3) begin : g_bad_cycles
    folded_sequencer_CYCLES_must_be_at_least_3 parameters ();
  end
  logic [COUNT-1:0] counter;
  logic counting, stepping, final_step, admitted;
  wire final_count = counter == COUNT'(CYCLES - 1);
  assign start = ready && !admitted && !take && (!counting || final_count);
  always_ff @(posedge clk) begin
    counter <= start ? '0 : counter + 1'b1;
    step <= counter;
    final_step <= final_count;
    done <= stepping && final_step;
    if (!rst_n) begin
      admitted <= 1'b0;
      take     <= 1'b0;
      counting <= 1'b0;
      stepping <= 1'b0;
      running  <= 1'b0;
      first    <= 1'b0;
    end else begin
      admitted <= start;
      take     <= admitted;
      counting <= start || (counting && !final_count);
      stepping <= counting;
      running  <= stepping;
      first    <= stepping && step == COUNT'(FIRST);
    end
  end
endmodule
