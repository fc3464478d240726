// First-word-fall-through FIFO of DEPTH entries in distributed memory.
// Contract: an entry is at the output one cycle after it was taken; full rate at any depth of 2 or more.
// s_ready and m_valid come from registers only. Nothing is kept over a reset.
module stream_fifo #(
    parameter [31:0] WIDTH = 8,
    parameter [31:0] DEPTH = 4
) (
    input  wire logic             clk,
    input  wire logic             rst_n,
    input  wire logic [WIDTH-1:0] s_data,
    input  wire logic             s_valid,
    output logic                  s_ready,
    output logic      [WIDTH-1:0] m_data,
    output logic                  m_valid,
    input  wire logic             m_ready
);
  if (DEPTH < 2) begin : g_bad_depth
    stream_fifo_DEPTH_must_be_at_least_2 parameters ();
  end
  localparam [31:0] ADDRESS = $clog2(DEPTH + 1);

  logic [WIDTH-1:0] entries[2**ADDRESS];
  logic [ADDRESS-1:0] write, read, count;

  wire push = s_valid && s_ready;
  wire pop = m_valid && m_ready;

  always_ff @(posedge clk) if (push) entries[write] <= s_data;
  assign m_data  = entries[read];
  assign s_ready = count != ADDRESS'(DEPTH);
  assign m_valid = count != '0;

  always_ff @(posedge clk)
    if (!rst_n) begin
      write <= '0;
      read  <= '0;
      count <= '0;
    end else begin
      if (push) write <= write + 1'b1;
      if (pop) read <= read + 1'b1;
      if (push != pop) count <= push ? count + 1'b1 : count - 1'b1;
    end

`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py. `armed` from the first reset on.
  logic armed;
  initial armed = 1'b0;
  always @(posedge clk) if (!rst_n) armed <= 1'b1;
  stream_contract #(
      .WIDTH(WIDTH)
  ) contract (
      .clk  (clk),
      .rst_n(rst_n),
      .data (m_data),
      .valid(m_valid),
      .ready(m_ready)
  );
  // What is counted is what lies between the pointers: nothing is lost, made up or put in another order.
  always @(posedge clk)
    if (armed && rst_n) begin
      begin : a_count assert (32'(count) <= DEPTH); end
      begin : a_pointers assert (count == ADDRESS'(write - read)); end
    end
`endif
endmodule
