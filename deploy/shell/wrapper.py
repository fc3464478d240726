"""The Verilog top of one accelerator with its shell: literal parameters, as Vivado's module reference and the simulation take it.

Vivado's block designs refer to Verilog, not to SystemVerilog, modules; hence this thin generated file above shell.sv.
"""

from __future__ import annotations

from pathlib import Path

from deploy.network import Network

SOURCE = Path(__file__).resolve().parent
TOP = "accelerator_shell"
RTL = ("shell.sv", "measure.sv", "latency_recorder.sv", "pattern_source.sv", "words_to_beats.sv", "beats_to_words.sv")

AXI_LITE = """\
    input  wire [11:0] s_axi_awaddr,
    input  wire [2:0]  s_axi_awprot,
    input  wire        s_axi_awvalid,
    output wire        s_axi_awready,
    input  wire [31:0] s_axi_wdata,
    input  wire [3:0]  s_axi_wstrb,
    input  wire        s_axi_wvalid,
    output wire        s_axi_wready,
    output wire [1:0]  s_axi_bresp,
    output wire        s_axi_bvalid,
    input  wire        s_axi_bready,
    input  wire [11:0] s_axi_araddr,
    input  wire [2:0]  s_axi_arprot,
    input  wire        s_axi_arvalid,
    output wire        s_axi_arready,
    output wire [31:0] s_axi_rdata,
    output wire [1:0]  s_axi_rresp,
    output wire        s_axi_rvalid,
    input  wire        s_axi_rready,"""


def parameters(network: Network, dma_bytes: int) -> dict[str, int]:
    """shell.sv's parameters: the identity, and bytes of a beat on the accelerator's port (DATA) and in memory (BYTES)."""
    into, out = network.input_stream, network.output_stream
    return {
        "WORD": dma_bytes,
        "IN_DATA": into.bytes,
        "IN_BYTES": into.memory_bytes(dma_bytes),
        "IN_BEATS": into.beats,
        "OUT_DATA": out.bytes,
        "OUT_BYTES": out.memory_bytes(dma_bytes),
        "OUT_BEATS": out.beats,
    }


def write_wrapper(network: Network, dma_bytes: int) -> str:
    """The text of accelerator_shell.v."""
    values = {"ID": f"64'h{network.id:016x}", **parameters(network, dma_bytes)}
    bits = 8 * dma_bytes - 1
    settings = ",\n".join(f"      .{name}({value})" for name, value in values.items())
    return f"""\
// {network.name}: made by qapflow for {8 * dma_bytes}-bit DMA streams. sha256 {network.sha256}
module {TOP} (
    (* X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF s_axi:s_axis:m_axis, ASSOCIATED_RESET aresetn" *)
    input  wire        aclk,
    (* X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)
    input  wire        aresetn,
{AXI_LITE}
    input  wire [{bits}:0] s_axis_tdata,
    input  wire [{dma_bytes - 1}:0] s_axis_tkeep,
    input  wire        s_axis_tlast,
    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    output wire [{bits}:0] m_axis_tdata,
    output wire [{dma_bytes - 1}:0] m_axis_tkeep,
    output wire        m_axis_tlast,
    output wire        m_axis_tvalid,
    input  wire        m_axis_tready
);
  shell #(
{settings}
  ) shell (
      .aclk(aclk), .aresetn(aresetn),
      .s_axi_awaddr(s_axi_awaddr), .s_axi_awvalid(s_axi_awvalid), .s_axi_awready(s_axi_awready),
      .s_axi_wdata(s_axi_wdata), .s_axi_wstrb(s_axi_wstrb), .s_axi_wvalid(s_axi_wvalid), .s_axi_wready(s_axi_wready),
      .s_axi_bresp(s_axi_bresp), .s_axi_bvalid(s_axi_bvalid), .s_axi_bready(s_axi_bready),
      .s_axi_araddr(s_axi_araddr), .s_axi_arvalid(s_axi_arvalid), .s_axi_arready(s_axi_arready),
      .s_axi_rdata(s_axi_rdata), .s_axi_rresp(s_axi_rresp), .s_axi_rvalid(s_axi_rvalid), .s_axi_rready(s_axi_rready),
      .s_axis_tdata(s_axis_tdata), .s_axis_tkeep(s_axis_tkeep), .s_axis_tlast(s_axis_tlast), .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .m_axis_tdata(m_axis_tdata), .m_axis_tkeep(m_axis_tkeep), .m_axis_tlast(m_axis_tlast), .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );
  wire _unused = &{{1'b0, s_axi_awprot, s_axi_arprot}};
endmodule
"""
