"""Designs as and gates and latches, read through Yosys, and simulated on 64 random runs at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finn_steps.rtl.design import Design
from tests.mapped import run_passes

ONES = ~np.uint64(0)


@dataclass(frozen=True, eq=False)
class Circuit:
    """Literals are 2 * node + complement: node 0 is false, then come inputs, latches, and gates, int64 [N, 2], each after what it reads.

    latches    the names that each has, between spaces
    following  literals of the latches' next values; initial: 0, 1 or, where the design leaves it open, -1
    """

    inputs: tuple[str, ...]
    latches: tuple[str, ...]
    following: np.ndarray
    initial: np.ndarray
    outputs: dict[str, int]
    gates: np.ndarray

    @property
    def first_latch(self) -> int:
        return 1 + len(self.inputs)

    @property
    def first_gate(self) -> int:
        return self.first_latch + len(self.latches)


def circuit_of(rtl: Path, place: Path) -> Circuit:
    """A design's files as gates, memories as registers; written to `place` in between. All registers have one clock, which is no input."""
    design = Design.load(rtl)
    run_passes([*(f'read_verilog -sv -defer "{file}"' for file in design.files), f"hierarchy -check -top {design.top}", "proc", "flatten",
                "rename -hide w:_*", "opt_expr", "opt_clean", "memory -nordff -nomap", "memory_map", "opt_expr", "async2sync", "dffunmap",
                "opt_clean", "techmap", "opt_expr", "setundef -undriven -zero", "aigmap", "opt_clean", f'write_aiger -ascii -symbols "{place}"'], rtl)
    return read_aiger(place.read_text())


def read_aiger(text: str) -> Circuit:
    """In ASCII, with numbers in the order in which they come."""
    lines = text.split("\n")
    counts = [int(field) for field in lines[0].split()[2:6]]
    rows = [[int(field) for field in line.split()] for line in lines[1:1 + sum(counts)]]
    names = {(found[1], int(found[2])): found[3] for line in lines[1 + len(rows):] if (found := re.match(r"([ilo])(\d+) (.+)", line))}
    ends = np.cumsum([0, *counts])
    inputs, latches, outputs, gates = (rows[begin:end] for begin, end in zip(ends, ends[1:]))
    if [row[0] for row in inputs + latches + gates] != list(range(2, 2 * (len(inputs) + len(latches) + len(gates)) + 2, 2)):
        raise ValueError("numbers of AIGER that are not in order")
    return Circuit(tuple(names["i", place] for place in range(len(inputs))),
                   tuple(names.get(("l", place), f"latch {place}") for place in range(len(latches))),
                   np.array([row[1] for row in latches], np.int64), np.array([_initial(row) for row in latches], np.int64),
                   {names["o", place]: row[0] for place, row in enumerate(outputs)},
                   np.array([row[1:] for row in gates], np.int64).reshape(-1, 2))


def _initial(row: list[int]) -> int:
    return 0 if len(row) < 3 else row[2] if row[2] < 2 else -1


class Simulated:
    """values: uint64 of every node, a bit of each run."""

    def __init__(self, circuit: Circuit):
        self.circuit = circuit
        self.values = np.zeros(circuit.first_gate + len(circuit.gates), np.uint64)
        self.state = self.values[circuit.first_latch:circuit.first_gate]
        self._levels = _levels(circuit)

    def settle(self, inputs: dict[str, np.uint64]) -> None:
        circuit, values = self.circuit, self.values
        values[1:circuit.first_latch] = [inputs[name] for name in circuit.inputs]
        for nodes, a, b, not_a, not_b in self._levels:
            values[nodes] = (values[a] ^ not_a) & (values[b] ^ not_b)

    def following(self) -> np.ndarray:
        return self._of(self.circuit.following)

    def outputs(self) -> np.ndarray:
        """In the order of their names."""
        return self._of(np.array([self.circuit.outputs[name] for name in sorted(self.circuit.outputs)], np.int64))

    def _of(self, literals: np.ndarray) -> np.ndarray:
        return self.values[literals >> 1] ^ _inverting(literals)


def _inverting(literals: np.ndarray) -> np.ndarray:
    return np.where(literals & 1, ONES, np.uint64(0))


def _levels(circuit: Circuit) -> list[tuple[np.ndarray, ...]]:
    """Gates that do not read each other, together: (nodes, a, b, inversions of a and b)."""
    level = [0] * (circuit.first_gate + len(circuit.gates))
    for node, (a, b) in enumerate(circuit.gates.tolist(), circuit.first_gate):
        level[node] = 1 + max(level[a >> 1], level[b >> 1])
    of_gates, found = np.array(level[circuit.first_gate:], np.int64), []
    order = np.argsort(of_gates, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(of_gates[order])) + 1) if len(order) else ():
        a, b = circuit.gates[places].T
        found.append((circuit.first_gate + places, a >> 1, b >> 1, _inverting(a), _inverting(b)))
    return found
