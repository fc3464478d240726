"""What stands for a block in the model around it: a module that calls the block's own model at every edge of the clock.

Contract of a block: all that its outputs depend on is registered at posedge clk, as that of a Core and of folded_lanes is; no input is seen
at an output before an edge. So one call does for a cycle: it takes the inputs as they are before the edge, and gives the outputs after it.
(Verilator's own --lib-create calls three to five times a cycle, and evaluates all that depends on inputs each time.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PORT = re.compile(r"(input|output) logic (?:\[(\d+):0\])? *(\w+)")
CLOCK = "clk"
CALLS = ("create", "step")


@dataclass(frozen=True)
class Port:
    direction: str
    width: int
    name: str


def ports_of(text: str) -> list[Port]:
    """Of the first module of a text in which Verilator has written them out (--lib-create), without the clock."""
    found = [Port(way, int(high or 0) + 1, name) for way, high, name in PORT.findall(text.split(");")[0])]
    if [port for port in found if port.name == CLOCK] != [Port("input", 1, CLOCK)]:
        raise ValueError(f"a module without an input {CLOCK} cannot be compiled by itself")
    return [port for port in found if port.name != CLOCK]


def module(name: str, ports: list[Port]) -> str:
    """The module `name`; it calls <name>_create and <name>_step."""
    kinds = {"input": "input logic", "output": "output var logic"}
    declared = "".join(f",\n    {kinds[port.direction]} [{port.width - 1}:0] {port.name}" for port in ports)
    arguments = "".join(f",\n        {port.direction} bit [{port.width - 1}:0] {port.name}" for port in ports)
    outputs = [port for port in ports if port.direction == "output"]
    values = ", ".join(f"{port.name}_next" if port.direction == "output" else port.name for port in ports)
    return f"""module {name} (
    input logic {CLOCK}{declared}
);
  import "DPI-C" function chandle {name}_create(string scope);
  import "DPI-C" function void {name}_step(
        chandle block{arguments});
  chandle block;
  initial block = {name}_create($sformatf("%m"));
{"".join(f"  bit [{port.width - 1}:0] {port.name}_next;{chr(10)}" for port in outputs)}  always @(posedge {CLOCK}) begin
    {name}_step(block, {values});
{"".join(f"    {port.name} <= {port.name}_next;{chr(10)}" for port in outputs)}  end
endmodule
"""


def calls(library: str, ports: list[Port]) -> str:
    """C++ of <library>_create and <library>_step, for the model V<library>. A step is one evaluation: the model is told that it has seen
    the clock low."""
    declared = "".join(f", {'const ' * (port.direction == 'input')}svBitVecVal* {port.name}" for port in ports)
    takes = "".join(f"    std::memcpy(&model.{name}, {name}, sizeof model.{name});\n" for name in names(ports, "input"))
    gives = "".join(f"    {name}[0] = 0;\n    std::memcpy({name}, &model.{name}, sizeof model.{name});\n" for name in names(ports, "output"))
    return f"""#include "V{library}.h"
#include "V{library}___024root.h"
#include "svdpi.h"
#include <cstring>

extern "C" void* {library}_create(const char* scope) {{
    V{library}* const model = new V{library}{{scope}};
    model->{CLOCK} = 0;
    model->eval();
    return model;
}}

extern "C" void {library}_step(void* block{declared}) {{
    V{library}& model = *static_cast<V{library}*>(block);
{takes}    model.rootp->__Vtrigprevexpr___TOP__{CLOCK}__0 = 0;
    model.{CLOCK} = 1;
    model.eval();
{gives}}}
"""


def names(ports: list[Port], direction: str) -> list[str]:
    return [port.name for port in ports if port.direction == direction]
