"""A stage of the top module: something with a stream in and a stream out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage. Beats carry `lanes` elements of `bits` bits, a frame is a whole number of beats.

    name         of its wires and instances in the top module
    body         SystemVerilog between the stage's input wires `<name>_in_{data,valid,ready,last}` and its output wires
                 `<name>_out_{data,valid,ready,last}`, on `ap_clk` and `ap_rst_n`
    library      names of library modules it instantiates
    sources      generated files: name -> SystemVerilog
    memories     memory files: name -> text for $readmemh
    order        int64 [out_elements], the neuron in each slot of an outgoing frame, -1 for none; None: in their own order
    ii           cycles from frame to frame
    """

    name: str
    in_elements: int
    in_bits: int
    in_lanes: int
    out_elements: int
    out_bits: int
    out_lanes: int
    body: str
    library: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    memories: dict[str, str] = field(default_factory=dict)
    order: np.ndarray | None = None
    ii: int = 1

    @property
    def in_width(self) -> int:
        return self.in_bits * self.in_lanes

    @property
    def out_width(self) -> int:
        return self.out_bits * self.out_lanes


def instance(module: str, name: str, parameters: dict[str, object], ports: dict[str, str]) -> str:
    """The text of one module instance; strings among the parameters are quoted."""
    quoted = {key: f'"{value}"' if isinstance(value, str) else value for key, value in parameters.items()}
    values = "".join(f"      .{key}({value}),\n" for key, value in quoted.items()).rstrip(",\n")
    wires = "".join(f"      .{key}({value}),\n" for key, value in ports.items()).rstrip(",\n")
    head = f"  {module} #(\n{values}\n  ) {name} (\n" if quoted else f"  {module} {name} (\n"
    return f"{head}{wires}\n  );\n"


def stream_ports(source: str, sink: str) -> dict[str, str]:
    """Ports of a library stream module between two sets of wires; either may be empty."""
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n"}
    for prefix, wires in (("s", source), ("m", sink)):
        if wires:
            ports |= {f"{prefix}_{signal}": f"{wires}_{signal}" for signal in ("data", "valid", "ready", "last")}
    return ports


def wires(prefix: str, width: int, signals: tuple[str, ...]) -> str:
    """Declare the wires of one stream: its data, and `signals`."""
    return f"  wire [{width - 1}:0] {prefix}_data;\n  wire {', '.join(f'{prefix}_{signal}' for signal in signals)};\n"


def joinable(before: int, after: int) -> bool:
    """Whether beats of `before` elements can be cut into, or collected to, beats of `after`."""
    return max(before, after) % min(before, after) == 0


def convert(name: str, elements: int, bits: int, before: int, after: int) -> list[Stage]:
    """What turns beats of `before` elements into beats of `after`: nothing, a serialiser or a deserialiser."""
    if before == after:
        return []
    wide, narrow = max(before, after), min(before, after)
    if not joinable(before, after):
        raise ValueError(f"{name}: beats of {before} and {after} elements cannot be joined")
    module = "stream_serialiser" if before > after else "stream_deserialiser"
    parameters = {"WIDTH": narrow * bits, "BEATS": wide // narrow}
    body = instance(module, f"{name}_converter", parameters, stream_ports(f"{name}_in", f"{name}_out"))
    return [Stage(name, elements, bits, before, elements, bits, after, body, (module, "stream_contract"), ii=wide // narrow)]


def register(name: str, elements: int, bits: int) -> Stage:
    """A frame's own register, so that the next one can be collected while this one is cut up."""
    body = instance("stream_register", f"{name}_register", {"WIDTH": elements * bits}, stream_ports(f"{name}_in", f"{name}_out"))
    return Stage(name, elements, bits, elements, elements, bits, elements, body, ("stream_register", "stream_contract"))


def reorder(name: str, order: np.ndarray, bits: int) -> Stage:
    """Wires from a frame whose slot i holds element order[i] (-1 for none) to one in the order of the elements."""
    slots = np.argsort(np.where(order < 0, len(order), order), kind="stable")[: int((order >= 0).sum())]
    pieces = ", ".join(f"{name}_in_data[{slot * bits}+:{bits}]" for slot in reversed(slots))
    body = f"  assign {name}_out_data = {{{pieces}}};\n  assign {name}_in_ready = {name}_out_ready;\n"
    body += "".join(f"  assign {name}_out_{signal} = {name}_in_{signal};\n" for signal in ("valid", "last"))
    body += unread(name, f"{name}_in_data") if len(slots) < len(order) else ""
    return Stage(name, len(order), bits, len(order), len(slots), bits, len(slots), body)


def unread(name: str, data: str) -> str:
    """A wire that reads all of `data`, of which some is for nobody: lint asks whether that was forgotten."""
    return f"  wire {name}_rest_unused = &{{1'b0, {data}}};\n"


def identifier(name: str) -> str:
    """A layer's name as part of Verilog names."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name if name[:1].isalpha() else f"n{name}")
