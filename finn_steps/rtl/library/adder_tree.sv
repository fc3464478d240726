// The sum of N unsigned values of at most MAX, a register after every level.
// Contract: sum is that of the operands LEVELS cycles before; N = 1 is a wire. Where an operand has one or two bits, the first
// level adds six or three of them in one table each; other levels add pairs. A level is as wide as its greatest sum.
module adder_tree #(
    parameter int unsigned N   = 4,
    parameter int unsigned MAX = 15,
    localparam int unsigned WIDTH = $clog2(MAX + 1),
    localparam int unsigned GROUP = N == 1 || WIDTH > 2 ? 1 : WIDTH == 1 ? 6 : 3,
    localparam int unsigned PARTS = (N + GROUP - 1) / GROUP,
    localparam int unsigned PAIRED = PARTS > 1 ? $clog2(PARTS) : 0,
    localparam int unsigned FIRST = $clog2(MAX * GROUP + 1),
    localparam int unsigned SUM = $clog2(MAX * N + 1)
) (
    input  wire logic               clk,
    input  wire logic [N*WIDTH-1:0] operands,
    output logic      [    SUM-1:0] sum
);
  logic [PARTS*FIRST-1:0] parts;
  if (GROUP == 1) begin : g_parts
    assign parts = operands;
  end else begin : g_tables
    wire [PARTS*GROUP*WIDTH-1:0] padded = (PARTS * GROUP * WIDTH)'(operands);
    for (genvar i = 0; i < PARTS; i++) begin : g_table
      logic [FIRST-1:0] part;
      small_sum #(
          .N(GROUP),
          .WIDTH(WIDTH),
          .SUM(FIRST)
      ) lookup (
          .operands(padded[i*GROUP*WIDTH+:GROUP*WIDTH]),
          .sum(part)
      );
      always_ff @(posedge clk) parts[i*FIRST+:FIRST] <= part;
    end
  end

  for (genvar l = 0; l <= PAIRED; l++) begin : g_level
    localparam int unsigned COUNT = (PARTS + 2 ** l - 1) / 2 ** l;
    localparam int unsigned BITS = $clog2(MAX * GROUP * 2 ** l + 1);
    logic [COUNT*BITS-1:0] sums;
    if (l == 0) begin : g_operands
      assign sums = parts;
    end else begin : g_add
      localparam int unsigned BEFORE = (PARTS + 2 ** (l - 1) - 1) / 2 ** (l - 1);
      localparam int unsigned NARROW = $clog2(MAX * GROUP * 2 ** (l - 1) + 1);
      for (genvar i = 0; i < COUNT; i++) begin : g_sum
        wire [NARROW-1:0] a = g_level[l-1].sums[2*i*NARROW+:NARROW];
        if (2 * i + 1 < BEFORE) begin : g_pair
          wire [NARROW-1:0] b = g_level[l-1].sums[(2*i+1)*NARROW+:NARROW];
          always_ff @(posedge clk) sums[i*BITS+:BITS] <= {1'b0, a} + {1'b0, b};
        end else begin : g_single
          always_ff @(posedge clk) sums[i*BITS+:BITS] <= {1'b0, a};
        end
      end
    end
  end
  assign sum = g_level[PAIRED].sums[SUM-1:0];
endmodule
