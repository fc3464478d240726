"""How many LUT6_2 a netlist needs when LUTs that share inputs are paired: two LUTs fit one where together they read at most five
signals. Counts LUT1 to LUT6 of a Yosys JSON netlist; an inverter is a LUT1."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

OUTPUTS = 5


def luts(netlist: dict, top: str) -> list[frozenset[int]]:
    """The input signals of each LUT of a module, constants left out."""
    found = []
    for cell in netlist["modules"][top]["cells"].values():
        if cell["type"].startswith("LUT") or cell["type"] == "INV":
            connections = (bits for port, bits in cell["connections"].items() if cell["port_directions"][port] == "input")
            found.append(frozenset(bit for bits in connections for bit in bits if isinstance(bit, int)))
    return found


def packed(inputs: list[frozenset[int]]) -> int:
    """LUT6_2 after pairing greedily, the pairs that share most first; only LUTs that share a signal are paired."""
    readers = defaultdict(list)
    for index, signals in enumerate(inputs):
        for signal in signals:
            readers[signal].append(index)
    pairs = set()
    for users in readers.values():
        small = [index for index in users if len(inputs[index]) <= OUTPUTS]
        pairs |= {(a, b) for position, a in enumerate(small) for b in small[position + 1:]
                  if len(inputs[a] | inputs[b]) <= OUTPUTS}
    alone = set(range(len(inputs)))
    for a, b in sorted(pairs, key=lambda pair: (-len(inputs[pair[0]] & inputs[pair[1]]), pair)):
        if a in alone and b in alone:
            alone -= {a, b}
    return len(inputs) - (len(inputs) - len(alone)) // 2


if __name__ == "__main__":
    everything = luts(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
    print(f"LUTs {len(everything)}, packed {packed(everything)}")
