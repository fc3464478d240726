"""A stage of the top module: something with a stream in and a stream out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stage:
    """One stage. Beats carry `lanes` elements of `bits` bits, a frame is a whole number of beats.

    name         of its wires and instances in the top module
    body         SystemVerilog between the stage's input wires `<name>_in_{data,valid,ready,last}` and its output wires
                 `<name>_out_{data,valid,ready,last}`, on `ap_clk` and `ap_rst_n`
    library      names of library modules it instantiates
    sources      generated files: name -> SystemVerilog
    memories     memory files: name -> text for $readmemh
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


def wires(prefix: str, width: int) -> str:
    """Declare the wires of one stream."""
    return f"  wire [{width - 1}:0] {prefix}_data;\n  wire {prefix}_valid, {prefix}_ready, {prefix}_last;\n"


def converter(before: Stage, after: Stage) -> Stage | None:
    """What turns the beats of `before` into those of `after`; None where they are the same."""
    if before.out_lanes == after.in_lanes:
        return None
    name, serial = f"{before.name}_to_{after.name}", before.out_lanes > after.in_lanes
    wide, narrow = max(before.out_lanes, after.in_lanes), min(before.out_lanes, after.in_lanes)
    if wide % narrow:
        raise ValueError(f"{name}: beats of {before.out_lanes} and {after.in_lanes} elements cannot be joined")
    module = "stream_serialiser" if serial else "stream_deserialiser"
    parameters = {"WIDTH": narrow * after.in_bits, "BEATS": wide // narrow}
    return Stage(
        name, before.out_elements, before.out_bits, before.out_lanes, after.in_elements, after.in_bits, after.in_lanes,
        instance(module, f"{name}_converter", parameters, stream_ports(f"{name}_in", f"{name}_out")), (module,),
    )
