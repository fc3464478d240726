// Takes finished rows from the PEs in the order that the schedule says, UNITS at a time.
// Contract: `trigger` comes three cycles before the first of CYCLES cycles for which FILE says {take, which PE for each unit};
// unit u takes from PEs u, u + UNITS, ... `acc`, `valid` and `beat`, the number of the take within its frame, are registered.
module folded_collector #(
    parameter [31:0] PE      = 4,
    parameter [31:0] UNITS   = 2,
    parameter [31:0] ACCBITS = 12,
    parameter [31:0] CYCLES  = 16,
    parameter [31:0] BEATS   = 4,
    parameter [31:0] BLOCK   = 0,
    parameter FILE = "",
    localparam [31:0] CHOICE = PE > UNITS ? $clog2(PE / UNITS) : 1,
    localparam [31:0] COUNT = CYCLES > 1 ? $clog2(CYCLES) : 1,
    localparam [31:0] BEAT = BEATS > 1 ? $clog2(BEATS) : 1
) (
    input  wire logic                     clk,
    input  wire logic                     rst_n,
    input  wire logic                     trigger,
    input  wire logic [   PE*ACCBITS-1:0] results,
    output logic      [UNITS*ACCBITS-1:0] acc,
    output logic      [         BEAT-1:0] beat,
    output logic                          valid
);
  if (PE % UNITS != 0) begin : g_bad_units
    folded_collector_UNITS_must_divide_PE parameters ();
  end
  // `step` is a copy of the counter: see folded_sequencer.
  logic [COUNT-1:0] counter, step;
  logic counting, stepping, running;
  always_ff @(posedge clk) begin
    counter <= trigger ? '0 : counter + 1'b1;
    step <= counter;
    counting <= rst_n && (trigger || (counting && counter != COUNT'(CYCLES - 1)));
    stepping <= rst_n && counting;
    running <= rst_n && stepping;
  end

  logic take;
  logic [UNITS*CHOICE-1:0] choice;
  rom #(
      .WIDTH(1 + UNITS * CHOICE),
      .DEPTH(CYCLES),
      .BLOCK(BLOCK),
      .FILE (FILE)
  ) picks (
      .clk(clk),
      .address(step),
      .data({take, choice})
  );

  for (genvar u = 0; u < UNITS; u++) begin : g_unit
    logic [2**CHOICE*ACCBITS-1:0] candidates;
    for (genvar i = 0; i < 2 ** CHOICE; i++) begin : g_candidate
      if (i * UNITS + u < PE) begin : g_there
        assign candidates[i*ACCBITS+:ACCBITS] = results[(i*UNITS+u)*ACCBITS+:ACCBITS];
      end else begin : g_none
        assign candidates[i*ACCBITS+:ACCBITS] = 'x;
      end
    end
    always_ff @(posedge clk) acc[u*ACCBITS+:ACCBITS] <= candidates[choice[u*CHOICE+:CHOICE]*ACCBITS+:ACCBITS];
  end

  logic [BEAT-1:0] next_beat;
  always_ff @(posedge clk) begin
    valid <= rst_n && running && take;
    beat  <= next_beat;
    if (!rst_n) next_beat <= '0;
    else if (running && take) next_beat <= next_beat == BEAT'(BEATS - 1) ? '0 : next_beat + 1'b1;
  end
endmodule
