"""The core for a design in VHDL: a package with its component and its numbers, and a template that instantiates it."""

from __future__ import annotations

from deploy.kit.core import TOP, Core


def component_package(core: Core) -> str:
    """finn_accel_pkg.vhd"""
    into, out = core.input_stream, core.output_stream
    numbers = {"IN_ELEMENTS": into.elements, "IN_BITS": into.bits, "IN_BEATS": into.beats, "OUT_ELEMENTS": out.elements,
               "OUT_BITS": out.bits, "OUT_BEATS": out.beats, "LATENCY_CYCLES": core.latency, "II_CYCLES": core.steady}
    constants = "".join(f"  constant {name} : natural := {value};\n" for name, value in numbers.items())
    return f"""\
-- {' '.join(core.name.split())}: component of the SystemVerilog module {TOP}, and its numbers.
library ieee;
use ieee.std_logic_1164.all;

package {TOP}_pkg is
{constants}
  component {TOP} is
    port (
{ports(core, 6)}
    );
  end component;
end package;
"""


def template(core: Core) -> str:
    """An entity that does nothing but instantiate the core: the place to start from."""
    width = max(len(port.name) for port in core.ports)
    mapped = ",\n".join(f"      {port.name:{width}} => {port.name}" for port in core.ports)
    return f"""\
-- {' '.join(core.name.split())}: instantiation template.
library ieee;
use ieee.std_logic_1164.all;
use work.{TOP}_pkg.all;

entity {TOP}_template is
  port (
{ports(core, 4)}
  );
end entity;

architecture structure of {TOP}_template is
begin
  core : {TOP}
    port map (
{mapped}
    );
end architecture;
"""


def ports(core: Core, indent: int) -> str:
    width = max(len(port.name) for port in core.ports)
    kinds = {0: "std_logic"}
    return ";\n".join(f"{' ' * indent}{port.name:{width}} : {port.direction:3} "
                      f"{kinds.get(port.bits, f'std_logic_vector({port.bits - 1} downto 0)')}" for port in core.ports)
