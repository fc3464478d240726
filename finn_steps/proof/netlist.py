"""The emitted Verilog as a word-level netlist: read back by Yosys, before any technology mapping."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from finn_steps.proof.limits import NotUnderstood
from finn_steps.tools.processes import run_child

COMMANDS = ("proc", "flatten", "opt_clean", "memory_collect", "write_json netlist.json")
"""What Yosys does between reading and writing: nothing that rewrites logic."""


@dataclass(frozen=True)
class Cell:
    """A cell of Yosys' word-level library. Connections are lists of net numbers; 0 and 1 are the constants."""

    name: str
    type: str
    parameters: dict[str, int | str]
    connections: dict[str, tuple[int, ...]]

    @property
    def where(self) -> str:
        return f"{self.type} {self.name}"


@dataclass(frozen=True)
class Netlist:
    """ports: name -> (direction, nets). unknown: nets that are 'x' in the source, or that nothing drives. nets: how many there
    are."""

    ports: dict[str, tuple[str, tuple[int, ...]]]
    cells: tuple[Cell, ...]
    unknown: tuple[int, ...]
    nets: int
    names: dict[int, str] = field(default_factory=dict)


def read_netlist(folder: Path | str, top: str) -> Netlist:
    """The netlist of the files that `folder`/filelist.f names, flattened. NotUnderstood with Yosys' first error line."""
    folder = Path(folder)
    files = [name for name in (folder / "filelist.f").read_text().split("\n") if name]
    copied = [*files, *sorted(path.name for path in folder.glob("*.mem"))]
    script = [*(f'read_verilog -sv -defer "{name}"' for name in files), f"hierarchy -check -top {top}", *COMMANDS]
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(line, d) for line in sys.argv[1:]]"
    with tempfile.TemporaryDirectory(prefix="qapflow-proof-") as name:
        place = Path(name)
        for file in copied:
            (place / file).write_bytes((folder / file).read_bytes())
        done = run_child([sys.executable, "-c", code, *script], cwd=place)
        if done.returncode or not (place / "netlist.json").exists():
            errors = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
            raise NotUnderstood(f"Yosys: {errors[0] if errors else f'exit code {done.returncode} and no message'}")
        module = json.loads((place / "netlist.json").read_text())["modules"][top]
    return _Reader(module).netlist()


class _Reader:
    """Numbers the bits of Yosys' JSON; each 'x' becomes a net of its own."""

    def __init__(self, module: dict):
        self.module = module
        self.numbers: dict[object, int] = {"0": 0, "1": 1}
        self.count = 2
        self.unknown: list[int] = []

    def netlist(self) -> Netlist:
        ports = {name: (port["direction"], self._bits(port["bits"])) for name, port in self.module["ports"].items()}
        cells = tuple(self._cell(name, cell) for name, cell in self.module["cells"].items() if cell["type"] != "$scopeinfo")
        driven = {0, 1, *(net for direction, nets in ports.values() if direction == "input" for net in nets)}
        for name, cell in zip((name for name, c in self.module["cells"].items() if c["type"] != "$scopeinfo"), cells):
            directions = self.module["cells"][name].get("port_directions", {})
            for port, nets in cell.connections.items():
                if directions.get(port) == "output":
                    driven.update(nets)
        names = self._names()
        unknown = tuple(sorted(set(self.unknown) | (set(range(self.count)) - driven)))
        return Netlist(ports, cells, unknown, self.count, names)

    def _names(self) -> dict[int, str]:
        """A name of each net that has one, for messages."""
        names: dict[int, str] = {}
        for name, entry in self.module["netnames"].items():
            for index, bit in enumerate(entry["bits"]):
                if bit in self.numbers and not isinstance(bit, str):
                    known = names.get(self.numbers[bit])
                    text = f"{name}[{index}]" if len(entry["bits"]) > 1 else name
                    if known is None or len(text) < len(known):
                        names[self.numbers[bit]] = text
        return names

    def _cell(self, name: str, cell: dict) -> Cell:
        parameters = {key: _parameter(value) for key, value in cell["parameters"].items()}
        return Cell(name, cell["type"], parameters, {port: self._bits(bits) for port, bits in cell["connections"].items()})

    def _bits(self, bits: list) -> tuple[int, ...]:
        return tuple(self._bit(bit) for bit in bits)

    def _bit(self, bit) -> int:
        if isinstance(bit, str) and bit in "xz":
            self.unknown.append(self.count)
            self.count += 1
            return self.count - 1
        if bit not in self.numbers:
            self.numbers[bit] = self.count
            self.count += 1
        return self.numbers[bit]


def _parameter(value) -> int | str:
    """Yosys writes numbers as strings of 0, 1, x, the highest first; those with x, and texts, stay strings."""
    if isinstance(value, int):
        return value
    return int(value, 2) if value and set(value) <= {"0", "1"} else value
