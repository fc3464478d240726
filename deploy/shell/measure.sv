// The measurement block: watches the accelerator's two streams, feeds it from inside if asked, and tells over AXI-Lite.
//
// deploy/README.md has the register map; deploy/fabric.py reads it. Nothing here delays a beat: data passes through elsewhere,
// this block sees handshakes, and asks to `hold` the first beat of a sample while the recorder is full or the pattern is over.
// AXI-Lite: one access at a time, whole 32-bit words (strobes are not looked at); what is read off the map means nothing.
module measure #(
    parameter logic [63:0] ID = 64'h0,
    parameter int unsigned WORD = 8,
    parameter int unsigned IN_BYTES = 16,
    parameter int unsigned IN_BEATS = 1,
    parameter int unsigned OUT_BYTES = 16,
    parameter int unsigned OUT_BEATS = 1,
    parameter int unsigned DEPTH = 512
) (
    input  wire logic        clk,
    input  wire logic        rst_n,
    // AXI-Lite
    input  wire logic [11:0] awaddr,
    input  wire logic        awvalid,
    output      logic        awready,
    input  wire logic [31:0] wdata,
    input  wire logic [3:0]  wstrb,
    input  wire logic        wvalid,
    output      logic        wready,
    output      logic [1:0]  bresp,
    output      logic        bvalid,
    input  wire logic        bready,
    input  wire logic [11:0] araddr,
    input  wire logic        arvalid,
    output      logic        arready,
    output      logic [31:0] rdata,
    output      logic [1:0]  rresp,
    output      logic        rvalid,
    input  wire logic        rready,
    // the accelerator's ports, after `hold`
    input  wire logic        in_valid,
    input  wire logic        in_ready,
    input  wire logic        in_last,
    input  wire logic        out_valid,
    input  wire logic        out_ready,
    // the DMA's side
    input  wire logic        cut,
    input  wire logic        word_valid,
    input  wire logic        word_ready,
    // what this block decides
    output      logic        hold,
    output      logic        flush,
    output      logic        pattern,
    input  wire logic        feeding
);
  localparam logic [255:0] CONSTANTS = {
      32'd0, 32'(WORD), 16'(OUT_BEATS), 16'(IN_BEATS), 16'(OUT_BYTES), 16'(IN_BYTES), ID, 32'd1, 32'h51415046
  };
  localparam int unsigned IN_W = $clog2(IN_BEATS + 1);
  localparam int unsigned OUT_W = $clog2(OUT_BEATS + 1);

  // Where in a sample each side is.
  logic [IN_W-1:0]  in_beat;
  logic [OUT_W-1:0] out_beat;
  wire logic take      = in_valid && in_ready;
  wire logic give      = out_valid && out_ready;
  wire logic in_first  = in_beat == '0;
  wire logic in_final  = in_beat == IN_W'(IN_BEATS - 1);
  wire logic out_final = out_beat == OUT_W'(OUT_BEATS - 1);
  wire logic start     = take && in_first;
  wire logic finish    = give && out_final;
  logic in_batch;
  always_ff @(posedge clk) begin
    if (!rst_n || flush) begin
      in_beat  <= '0;
      out_beat <= '0;
      in_batch <= 1'b0;
    end else begin
      if (take) in_beat <= in_final ? '0 : in_beat + IN_W'(1);
      if (give) out_beat <= out_final ? '0 : out_beat + OUT_W'(1);
      if (take) in_batch <= !in_last && !pattern;
    end
  end

  // Counters. `interval` is the time since a sample last came out, `age` since the first one did.
  logic [31:0] samples_in, samples_out, starved, stalled, age, span;
  logic [11:0] interval, interval_min;
  logic        some_out, clear, was_cut, full, empty, wiping;
  always_ff @(posedge clk) begin
    if (clear) begin
      samples_in   <= '0;
      samples_out  <= '0;
      starved      <= '0;
      stalled      <= '0;
      age          <= '0;
      span         <= '0;
      interval_min <= '1;
      some_out     <= 1'b0;
      was_cut      <= 1'b0;
    end else begin
      if (start) samples_in <= samples_in + 32'd1;
      if (finish) samples_out <= samples_out + 32'd1;
      if (in_batch && in_ready && !in_valid) starved <= starved + 32'd1;
      if (out_valid && !out_ready) stalled <= stalled + 32'd1;
      if (finish) some_out <= 1'b1;
      if (some_out || finish) age <= age + 32'd1;
      if (finish) span <= age;
      if (finish && some_out && interval < interval_min) interval_min <= interval;
      if (cut || (take && in_last && !in_final)) was_cut <= 1'b1;
    end
    if (finish) interval <= 12'd1;
    else if (interval != '1) interval <= interval + 12'd1;
  end

  logic [19:0] least, greatest;
  logic [31:0] memory;
  logic [1:0]  bin_unit;
  logic [43:0] sum;
  logic [11:2] address;
  latency_recorder #(.DEPTH(DEPTH), .CONSTANTS(CONSTANTS)) recorder (
      .clk, .rst_n(rst_n && !flush), .clear, .start, .finish, .full, .empty, .wiping,
      .bin_unit, .least, .greatest, .sum, .read_address(address[10:2]), .memory
  );

  // Control.
  logic [31:0] pattern_samples;
  wire logic   pattern_done = samples_in == pattern_samples;
  assign hold = in_first && (full || ((pattern || feeding) && pattern_done));
  wire logic write = awvalid && wvalid && !bvalid;
  assign awready = write;
  assign wready  = write;
  assign bresp   = 2'b00;
  always_ff @(posedge clk) begin
    if (write && awaddr[11:2] == 10'h21) pattern_samples <= wdata;
    if (!rst_n) begin
      {bin_unit, pattern, flush, clear} <= 5'b00001;
      bvalid <= 1'b0;
    end else begin
      clear <= 1'b0;
      if (write && awaddr[11:2] == 10'h20) {bin_unit, pattern, flush, clear} <= wdata[4:0];
      bvalid <= write || (bvalid && !bready);
    end
  end
  wire logic _unused = &{1'b0, wstrb, awaddr[1:0], araddr[1:0]};

  // Reads: a chain of narrow multiplexers, one step a cycle; addresses from 0x800 on are the recorder's memory.
  logic [2:0]  reading;
  logic [31:0] value_1, value_2, value_3;
  wire logic [31:0] status = {22'b0, wiping, flush, was_cut, pattern, word_ready && !word_valid, word_valid && !word_ready,
                              in_ready && !in_valid, in_valid && !in_ready, !empty, in_batch};
  assign arready = reading == 3'd0 && !rvalid;
  assign rresp   = 2'b00;
  assign rdata   = value_3;
  always_ff @(posedge clk) begin
    if (arready) address <= araddr[11:2];
    if (reading != '0) begin
      case (address[3:2])
        2'd0: value_1 <= samples_in;
        2'd1: value_1 <= samples_out;
        2'd2: value_1 <= starved;
        2'd3: value_1 <= stalled;
      endcase
      case (address[5:4])
        2'd0: value_2 <= value_1;
        2'd1: value_2 <= {interval_min, least};
        2'd2: value_2 <= {sum[43:32], greatest};
        2'd3: value_2 <= sum[31:0];
      endcase
      case (address[11] ? 2'd3 : address[7:6])
        2'd0: value_3 <= value_2;
        2'd1: value_3 <= span;
        2'd2: value_3 <= status;
        2'd3: value_3 <= memory;
      endcase
    end
    if (!rst_n) begin
      reading <= '0;
      rvalid  <= 1'b0;
    end else begin
      reading <= reading == 3'd4 ? 3'd0 : reading != 3'd0 ? reading + 3'd1 : 3'(arvalid && arready);
      rvalid  <= reading == 3'd4 || (rvalid && !rready);
    end
  end

`ifndef SYNTHESIS
  // Checked in simulation; proved in tests/finn_steps/rtl/test_assertions.py: answers on AXI-Lite wait until they are taken. `armed` from
  // the first reset on.
  logic armed, held_b, held_r;
  initial armed = 1'b0;
  logic [31:0] held_value;
  always @(posedge clk) begin
    if (!rst_n) armed <= 1'b1;
    held_b     <= rst_n && bvalid && !bready;
    held_r     <= rst_n && rvalid && !rready;
    held_value <= rdata;
    if (armed && rst_n) begin
      begin : a_write_stays assert (!held_b || bvalid); end
      begin : a_read_stays assert (!held_r || (rvalid && rdata == held_value)); end
      begin : a_one_read assert (!rvalid || reading == '0); end
    end
  end
`endif
endmodule
