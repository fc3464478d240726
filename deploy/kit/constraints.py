"""Timing constraints of a core: Xilinx's XDC and plain SDC."""

from __future__ import annotations

from deploy.kit.core import Core

WHY = """\
# {name}: constraints of the core synthesised by itself (out of context). One clock; nothing is a false path: ap_rst_n is synchronous
# to ap_clk and is timed like any other input, and there is no crossing to another clock inside. In a design of yours the clock is your
# own: leave this file out there, and drive all ports from its domain.
"""


def xdc(core: Core) -> str:
    """For Vivado, used out of context."""
    return WHY.format(name=" ".join(core.name.split())) + f"create_clock -name ap_clk -period {core.clock_ns:.3f} [get_ports ap_clk]\n"


def sdc(core: Core) -> str:
    """For other tools. Half of the period is left outside at each side, to be edited."""
    half = f"{core.clock_ns / 2:.3f}"
    lines = [
        f"create_clock -name ap_clk -period {core.clock_ns:.3f} [get_ports {{ap_clk}}]",
        "# A budget, not a measurement: half of the period for what drives the inputs and for what takes the outputs.",
        *(f"set_input_delay -clock ap_clk {half} [get_ports {{{port.name}{'[*]' if port.bits else ''}}}]"
          for port in core.ports if port.direction == "in" and port.name != "ap_clk"),
        *(f"set_output_delay -clock ap_clk {half} [get_ports {{{port.name}{'[*]' if port.bits else ''}}}]"
          for port in core.ports if port.direction == "out"),
    ]
    return WHY.format(name=" ".join(core.name.split())) + "\n".join(lines) + "\n"
