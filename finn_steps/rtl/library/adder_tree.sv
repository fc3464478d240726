// The sum of N signed values of WIDTH bits, a register after every level.
// Contract: sum is that of the operands $clog2(N) cycles before; N = 1 is a wire. Nothing is lost: a level adds one bit.
module adder_tree #(
    parameter int unsigned N = 4,
    parameter int unsigned WIDTH = 4,
    localparam int unsigned LEVELS = N > 1 ? $clog2(N) : 0
) (
    input  wire logic                           clk,
    input  wire logic [            N*WIDTH-1:0] operands,
    output logic signed [WIDTH+LEVELS-1:0] sum
);
  for (genvar l = 0; l <= LEVELS; l++) begin : g_level
    localparam int unsigned COUNT = (N + 2 ** l - 1) / 2 ** l;
    localparam int unsigned BITS = WIDTH + l;
    logic [COUNT*BITS-1:0] sums;
    if (l == 0) begin : g_operands
      assign sums = operands;
    end else begin : g_add
      localparam int unsigned BEFORE = (N + 2 ** (l - 1) - 1) / 2 ** (l - 1);
      for (genvar i = 0; i < COUNT; i++) begin : g_sum
        wire [BITS-2:0] a = g_level[l-1].sums[2*i*(BITS-1)+:BITS-1];
        if (2 * i + 1 < BEFORE) begin : g_pair
          wire [BITS-2:0] b = g_level[l-1].sums[(2*i+1)*(BITS-1)+:BITS-1];
          always_ff @(posedge clk) sums[i*BITS+:BITS] <= {a[BITS-2], a} + {b[BITS-2], b};
        end else begin : g_single
          always_ff @(posedge clk) sums[i*BITS+:BITS] <= {a[BITS-2], a};
        end
      end
    end
  end
  assign sum = g_level[LEVELS].sums;
endmodule
