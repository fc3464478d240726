"""The top module `finn_accel`: the stages in a row between its two ports, which are AXI-Streams, or the same without ready and last."""

from __future__ import annotations

from finn_steps.accelerator import Accelerator
from finn_steps.folding.streams import streams
from finn_steps.rtl.design import TOP
from finn_steps.rtl.stage import Stage, wires

FORWARD = {"stream": ("data", "valid", "last"), "valid": ("data", "valid")}
"""Signals that go with a frame; `ready` of a stream comes back."""


def top(accelerator: Accelerator, stages: list[Stage]) -> str:
    """The text of the top module; beats are padded to whole bytes."""
    forward = FORWARD[accelerator.interface]
    waits = accelerator.interface == "stream"
    text = header(accelerator)
    for stage in stages:
        for side, width in (("in", stage.in_width), ("out", stage.out_width)):
            text += "\n" * (side == "in") + wires(f"{stage.name}_{side}", width, (*forward[1:], *(["ready"] if waits else [])))
        text += stage.body
    first, last, (into, out) = stages[0], stages[-1], streams(accelerator)
    text += f"\n  assign {first.name}_in_data = s_axis_0_tdata[{first.in_width - 1}:0];\n"
    text += "".join(f"  assign {first.name}_in_{signal} = s_axis_0_t{signal};\n" for signal in forward[1:])
    text += f"  assign s_axis_0_tready = {first.name}_in_ready;\n" if waits else ""
    for before, after in zip(stages, stages[1:]):
        text += "".join(f"  assign {after.name}_in_{signal} = {before.name}_out_{signal};\n" for signal in forward)
        text += f"  assign {before.name}_out_ready = {after.name}_in_ready;\n" if waits else ""
    padding = 8 * out.bytes - last.out_width
    data = f"{last.name}_out_data" if not padding else f"{{{padding}'b0, {last.name}_out_data}}"
    text += f"  assign m_axis_0_tdata = {data};\n"
    text += "".join(f"  assign m_axis_0_t{signal} = {last.name}_out_{signal};\n" for signal in forward[1:])
    text += f"  assign {last.name}_out_ready = m_axis_0_tready;\n" if waits else ""
    if 8 * into.bytes > first.in_width:
        text += f"  wire _unused = &{{1'b0, s_axis_0_tdata[{8 * into.bytes - 1}:{first.in_width}]}};\n"
    return text + "endmodule\n"


def header(accelerator: Accelerator) -> str:
    """What goes in and out, and the ports."""
    (into, out), name = streams(accelerator), " ".join(accelerator.name.split())
    waits = accelerator.interface == "stream"
    says = "s_axis_0_tlast goes through to the last beat of its frame's answer." if waits \
        else "Nothing waits: a frame's answer comes a fixed time later."
    ports = ["input  wire logic ap_clk", "input  wire logic ap_rst_n", f"input  wire logic [{8 * into.bytes - 1}:0] s_axis_0_tdata",
             "input  wire logic s_axis_0_tvalid", *(["output logic s_axis_0_tready", "input  wire logic s_axis_0_tlast"] if waits else []),
             f"output logic [{8 * out.bytes - 1}:0] m_axis_0_tdata", "output logic m_axis_0_tvalid",
             *(["input  wire logic m_axis_0_tready", "output logic m_axis_0_tlast"] if waits else [])]
    return (f"// {name}\n"
            f"// In: {into.elements} x {accelerator.idt}, {into.lanes} a beat. Out: {out.elements} x {accelerator.odt}, {out.lanes} a beat.\n"
            f"// A beat is padded to whole bytes, element 0 lowest. {says}\n"
            f"module {TOP} (\n    " + ",\n    ".join(ports) + "\n);\n")
