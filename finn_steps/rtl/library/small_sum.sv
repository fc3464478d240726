// The sum of N numbers of WIDTH bits as truth tables of at most six inputs, without carry chains.
module small_sum #(
    parameter int unsigned N = 3,
    parameter int unsigned WIDTH = 2,
    parameter int unsigned SUM = 3
) (
    input  wire logic [N*WIDTH-1:0] operands,
    output logic      [    SUM-1:0] sum
);
  if (N * WIDTH > 6) begin : g_bad_n
    $error("small_sum: N (%0d) x WIDTH (%0d) must be at most 6", N, WIDTH);
  end
  function automatic logic [2**(N*WIDTH)-1:0] table_of(input int unsigned bit_of_sum);
    for (int unsigned value = 0; value < 2 ** (N * WIDTH); value++) begin
      int unsigned total;
      total = 0;
      for (int unsigned i = 0; i < N; i++) total = total + ((value >> (i * WIDTH)) & (2 ** WIDTH - 1));
      table_of[value[N*WIDTH-1:0]] = total[bit_of_sum];
    end
  endfunction
  for (genvar b = 0; b < SUM; b++) begin : g_bit
    localparam logic [2**(N*WIDTH)-1:0] TABLE = table_of(b);
    assign sum[b] = TABLE[operands];
  end
endmodule
