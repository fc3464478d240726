"""How many LUTs of the device a netlist keeps from other use: Yosys' LUTs and those in front of carry chains.

A carry chain's propagate input is reachable only through the LUT beside it (UG474, figure 2-24; UG574, figure 2-2): where
Yosys ties a flip-flop or an inverter straight to it, as it does for every comparison with a constant, that LUT is taken all
the same, as a route-through. Yosys does not count it. Nor does one LUT serve two chains. Counted here: LUT1 to LUT6, and for
every carry bit of which something is read and whose propagate input is a signal, one more LUT where no LUT of its own drives
it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def lut_sites(netlist: dict, top: str) -> int:
    """LUTs of a flattened Yosys JSON netlist, route-throughs of carry chains included."""
    cells = netlist["modules"][top]["cells"].values()
    driven = {cell["connections"]["O"][0] for cell in cells if cell["type"].startswith("LUT")}
    read = {bit for port in netlist["modules"][top]["ports"].values() for bit in port["bits"]}
    for cell in cells:
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                read.update(bits)
    sites = sum(cell["type"].startswith("LUT") for cell in cells)
    for cell in cells:
        if cell["type"] != "CARRY4":
            continue
        ports = cell["connections"]
        last = max((place for place in range(4) if {ports["O"][place], ports["CO"][place]} & read), default=-1)
        for propagate in ports["S"][: last + 1]:
            if not isinstance(propagate, int):
                continue
            if propagate in driven:
                driven.discard(propagate)
            else:
                sites += 1
    return sites


if __name__ == "__main__":
    print(lut_sites(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]))
