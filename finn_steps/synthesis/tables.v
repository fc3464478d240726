// A bit of a constant word, chosen by a number, as a LUT of the number's bits.
(* techmap_celltype = "$shiftx" *)
module constant_table (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  parameter _TECHMAP_CONSTMSK_A_ = 0;
  parameter _TECHMAP_CONSTVAL_A_ = 0;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = ~&_TECHMAP_CONSTMSK_A_ || Y_WIDTH != 1 || B_SIGNED || A_WIDTH != 1 << B_WIDTH || B_WIDTH > 12;
  \$lut #(.WIDTH(B_WIDTH), .LUT(_TECHMAP_CONSTVAL_A_)) _TECHMAP_REPLACE_ (.A(B), .Y(Y));
endmodule
