// Two banks of one owner's inputs, for one lane: a write port and an unregistered read port, for distributed memory. What is
// never written stays INITIAL.
module lane_memory #(
    parameter [31:0] WIDTH   = 4,
    parameter [31:0] ADDRESS = 2,
    parameter logic [WIDTH-1:0] INITIAL = '0
) (
    input  wire logic             clk,
    input  wire logic             write,
    input  wire logic [ADDRESS:0] write_address,
    input  wire logic [WIDTH-1:0] write_data,
    input  wire logic [ADDRESS:0] read_address,
    output logic      [WIDTH-1:0] read_data
);
  (* ram_style = "distributed" *) logic [WIDTH-1:0] words[2**(ADDRESS+1)];
  initial for (int unsigned i = 0; i < 2 ** (ADDRESS + 1); i++) words[i] = INITIAL;
  always @(posedge clk) if (write) words[write_address] <= write_data;
  assign read_data = words[read_address];
endmodule
