// Adds up the sums of a processing element's lanes row by row.
// Contract: `running` and `finish` are of the step of this cycle, the sums those of the step DELAY cycles before. `result` is
// the accumulator of a row from DELAY + 1 cycles after the step in which it finished, until the next row finishes. `later` is
// looked at only if AHEAD = 1. Unsigned, counted from the least value that the row can have (see folded_lane).
module folded_accumulator #(
    parameter [31:0] SBITS   = 8,
    parameter [31:0] ACCBITS = 12,
    parameter [31:0] AHEAD   = 1,
    parameter [31:0] DELAY   = 3
) (
    input  wire logic               clk,
    input  wire logic               rst_n,
    input  wire logic               running,
    input  wire logic               finish,
    input  wire logic [  SBITS-1:0] now,
    input  wire logic [  SBITS-1:0] later,
    output logic      [ACCBITS-1:0] result
);
  // `running` and `finish` as old as the sums.
  logic [DELAY:0] was_running, was_finish;
  assign was_running[0] = running;
  assign was_finish[0]  = finish && running;
  always_ff @(posedge clk) was_running[DELAY:1] <= rst_n ? was_running[DELAY-1:0] : '0;
  always_ff @(posedge clk) was_finish[DELAY:1] <= was_finish[DELAY-1:0];
  wire add = was_running[DELAY];
  wire finishes = was_finish[DELAY];

  logic [ACCBITS-1:0] current, following;
  wire [ACCBITS-1:0] current_sum = current + ACCBITS'(now);
  wire [ACCBITS-1:0] following_sum = AHEAD != 0 ? following + ACCBITS'(later) : '0;
  always_ff @(posedge clk) if (add && finishes) result <= current_sum;
  // Cleared by the registers' own reset.
  always_ff @(posedge clk)
    if (!rst_n || (add && finishes)) following <= '0;
    else if (add) following <= following_sum;
  if (AHEAD != 0) begin : g_next
    always_ff @(posedge clk)
      if (!rst_n) current <= '0;
      else if (add) current <= finishes ? following_sum : current_sum;
  end else begin : g_clear
    always_ff @(posedge clk)
      if (!rst_n || (add && finishes)) current <= '0;
      else if (add) current <= current_sum;
  end
endmodule
