// Latency of each sample: cycles from the cycle of its `start` to the cycle of its `finish`; samples stay in order.
//
// Up to DEPTH samples may be under way; no start may come while `full`. Latencies are modulo 2^20 cycles. Three cycles after a
// finish the latency is counted: least, greatest, sum, and in one of 256 bins: its bits [7:0], [11:4], [15:8] or [19:12], for
// `bin_unit` 0 to 3. While greatest - least is under 256 units, each bin stands for one value, or one range, of latency.
// `clear` sets these to zero; the bins take 256 cycles (`wiping`) and count nothing reliably meanwhile. `rst_n` (synchronous)
// forgets the samples under way. The bins are words 0 to 255 of a memory whose words 256 to 263 hold CONSTANTS; `memory` follows
// read_address by one cycle, in every cycle in which no sample is being counted.
module latency_recorder #(
    parameter int unsigned DEPTH = 512,
    parameter logic [255:0] CONSTANTS = '0,
    localparam int unsigned PTR = $clog2(DEPTH)
) (
    input  wire logic        clk,
    input  wire logic        rst_n,
    input  wire logic        clear,
    input  wire logic        start,
    input  wire logic        finish,
    output      logic        full,
    output      logic        empty,
    output      logic        wiping,
    input  wire logic [1:0]  bin_unit,
    output      logic [19:0] least,
    output      logic [19:0] greatest,
    output      logic [43:0] sum,
    input  wire logic [8:0]  read_address,
    output      logic [31:0] memory
);
  if (DEPTH != 2 ** PTR) begin : g_depth
    $error("latency_recorder: DEPTH (%0d) must be a power of two", DEPTH);
  end

  // Time stamps of the samples under way.
  logic [19:0]    stamps[DEPTH];
  logic [PTR:0]   in, out;
  logic [PTR-1:0] out_1;
  logic [19:0]    now, now_1, now_2, stamp, latency;
  logic           finish_1, finish_2, counted;
  assign full  = in == {~out[PTR], out[PTR-1:0]};
  assign empty = in == out;
  always_ff @(posedge clk) begin
    if (!rst_n) begin
      in       <= '0;
      out      <= '0;
      now      <= '0;
      finish_1 <= 1'b0;
      finish_2 <= 1'b0;
      counted  <= 1'b0;
    end else begin
      in       <= in + (PTR + 1)'(start);
      out      <= out + (PTR + 1)'(finish);
      now      <= now + 20'd1;
      finish_1 <= finish;
      finish_2 <= finish_1;
      counted  <= finish_2;
    end
  end
  always_ff @(posedge clk) begin
    if (start) stamps[in[PTR-1:0]] <= now;
    out_1   <= out[PTR-1:0];
    stamp   <= stamps[out_1];
    now_1   <= now;
    now_2   <= now_1;
    latency <= now_2 - stamp;
  end
  always_ff @(posedge clk) begin
    if (clear) least <= '1;
    else if (counted && latency < least) least <= latency;
    if (clear) greatest <= '0;
    else if (counted && latency > greatest) greatest <= latency;
    if (clear) sum <= '0;
    else if (counted) sum <= sum + 44'(latency);
  end

  // The bins: read, added, written in three cycles; a bin that comes again before it is written is taken from the pipeline.
  logic [31:0]     counts[512];
  logic [31:0]     added, added_1;
  logic [7:0]      bin, bin_1, bin_2, wipe;
  logic            binned, binned_1, binned_2, again_1, again_2;
  wire logic [7:0] write_address = wiping ? wipe : bin_2;
  initial for (int i = 0; i < 8; i++) counts[256+i] = CONSTANTS[32*i+:32];
  always_ff @(posedge clk) begin
    case (bin_unit)
      2'd0: bin <= latency[7:0];
      2'd1: bin <= latency[11:4];
      2'd2: bin <= latency[15:8];
      2'd3: bin <= latency[19:12];
    endcase
    binned    <= counted;
    memory    <= counts[binned ? {1'b0, bin} : read_address];
    binned_1  <= binned;
    bin_1     <= bin;
    again_1   <= binned_1 && bin == bin_1;
    again_2   <= binned_2 && bin == bin_2;
    binned_2  <= binned_1;
    bin_2     <= bin_1;
    added_1   <= added;
    if (clear || wiping) added <= '0;
    else added <= (again_1 ? added : again_2 ? added_1 : memory) + 32'd1;
    if (wiping || binned_2) counts[{1'b0, write_address}] <= added;
    if (!rst_n || clear) begin
      wiping <= 1'b1;
      wipe   <= '0;
    end else if (wiping) begin
      wiping <= wipe != '1;
      wipe   <= wipe + 8'd1;
    end
  end
endmodule
