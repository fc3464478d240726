// The product of two unsigned numbers as truth tables, where they are few bits, or as AND gates, where one of them is one bit;
// the lowest SUM bits of it.
module small_product #(
    parameter [31:0] A   = 3,
    parameter [31:0] B   = 2,
    parameter [31:0] SUM = 5
) (
    input  wire logic [  A-1:0] a,
    input  wire logic [  B-1:0] b,
    output logic      [SUM-1:0] product
);
  function automatic logic [2**(A+B)-1:0] table_of(input logic [4:0] bit_of_product);
    for (int unsigned value = 0; value < 2 ** (A + B); value++) begin
      int unsigned result;
      result = (value >> B) * (value & (2 ** B - 1));
      table_of[value[A+B-1:0]] = result[bit_of_product];
    end
  endfunction

  if (A == 1) begin : g_select_b
    assign product = a[0] ? SUM'(b) : '0;
  end else if (B == 1) begin : g_select_a
    assign product = b[0] ? SUM'(a) : '0;
  end else begin : g_tables
    if (A + B > 6) begin : g_bad_b
      small_product_A_plus_B_must_be_at_most_6 parameters ();
    end
    for (genvar i = 0; i < SUM; i++) begin : g_bit
      localparam logic [2**(A+B)-1:0] TABLE = table_of(5'(i));
      assign product[i] = TABLE[{a, b}];
    end
  end
endmodule
