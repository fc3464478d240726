// What every output stream promises: valid stays until ready, and data stay with it. `armed` from the first reset on. Stands beside a stream
// outside of synthesis; checked in simulation, proved for the modules that carry it in tests/finn_steps/rtl/test_assertions.py.
module stream_contract #(
    parameter [31:0] WIDTH = 8
) (
    input wire logic             clk,
    input wire logic             rst_n,
    input wire logic [WIDTH-1:0] data,
    input wire logic             valid,
    input wire logic             ready
);
  logic armed;
  initial armed = 1'b0;
  logic held_valid;
  logic [WIDTH-1:0] held_data;
  always @(posedge clk) begin
    if (!rst_n) armed <= 1'b1;
    held_valid <= rst_n && valid && !ready;
    held_data  <= data;
    if (armed && rst_n && held_valid) begin
      begin : a_valid_stays assert (valid); end
      begin : a_data_stay assert (data == held_data); end
    end
  end
endmodule
