"""A Verilog-2001 module around the core: Vivado's block designs take no top module in SystemVerilog."""

from __future__ import annotations

from deploy.kit.core import TOP, Core

WRAPPER = f"{TOP}_ip"


def wrapper(core: Core) -> str:
    """finn_accel_ip.v"""
    sides = {"in": "input  wire", "out": "output wire"}
    header = ",\n".join(f"    {sides[port.direction]} {f'[{port.bits - 1}:0] ' if port.bits else ''}{port.name}" for port in core.ports)
    mapped = ",\n".join(f"      .{port.name}({port.name})" for port in core.ports)
    return f"// {' '.join(core.name.split())}: the core for block designs. sha256 {core.sha256}\n" \
           f"module {WRAPPER} (\n{header}\n);\n  {TOP} core (\n{mapped}\n  );\nendmodule\n"
