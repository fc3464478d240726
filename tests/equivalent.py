"""Whether one design goes on exactly as another one does, under all inputs for ever, though the registers of the one have other names,
are merged, or lie in shift registers and memories of LUTs.

Guessed is which registers, of either design, always hold the same: both run from random states on the same random inputs until what was
before the reset is gone; registers of one history are a class. A guess proves nothing. Proved, by ABC, is of all classes at once: from
every state in which the registers of each class are equal (and those of the first two classes 0 and 1) all outputs are equal, and the
registers of each class are so again, whatever the inputs are. Where ABC finds a difference, classes are split by it, and asked for again."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from finn_steps.tools.processes import run_child
from tests.circuits import ONES, Circuit, Simulated, circuit_of

RESET, SETTLED, RECORDED = 8, 500, 200
"""Cycles: of reset, then until what was before is gone, then in which histories are compared."""
ROUNDS, SECONDS, CONFLICTS = 200, 300, 1_000_000
LOW = "ap_rst_n"
Member = tuple[int, int]
"""Of a class: which circuit, which latch."""
Classes = list[list[Member]]


@dataclass(frozen=True)
class Equivalence:
    """proved; else why not. registers: of both designs; classes: of registers that always hold the same."""

    proved: bool
    why: str
    registers: tuple[int, int]
    classes: int


def equivalence(first: Path, second: Path) -> Equivalence:
    """Of two RTL folders with the same ports. Proved means: from the state in which the second design begins, it does for ever what the
    first one does from some state, whatever comes in. Registers of the second that are in one class must begin alike."""
    with tempfile.TemporaryDirectory() as name:
        circuits = [circuit_of(rtl, Path(name) / f"{number}.aag") for number, rtl in enumerate((first, second))]
    registers, found = (len(circuits[0].latches), len(circuits[1].latches)), []
    if circuits[0].inputs != circuits[1].inputs or circuits[0].outputs.keys() != circuits[1].outputs.keys():
        return Equivalence(False, "their ports differ", registers, 0)
    found = classes_of(circuits)
    for _ in range(ROUNDS):
        pair = Pair(circuits, found)
        values = pair.counterexample()
        if values is None:
            apart = _begins_apart(circuits[1], found)
            return Equivalence(not apart, apart, registers, len(found))
        found, differing = pair.split(values)
        if differing:
            return Equivalence(False, f"{differing[0]} is not proved equal", registers, len(found))
    return Equivalence(False, f"not done after {ROUNDS} rounds", registers, len(found))


def _begins_apart(second: Circuit, found: Classes) -> str:
    """Names registers of one class that do not begin alike, those of an open beginning among them; empty where there are none."""
    for number, members in enumerate(found):
        latches = [latch for circuit, latch in members if circuit]
        begins = {int(second.initial[latch]) for latch in latches} | ({number} if number < 2 else set())
        if latches and len(begins) > 1 or len(latches) > 1 and -1 in begins:
            return "begin apart: " + ", ".join(second.latches[latch].split()[0] for latch in latches[:4])
    return ""


def classes_of(circuits: list[Circuit]) -> Classes:
    """Registers of one history together; the first class is of those that are always 0, the second of those always 1. First once what was
    before the reset is gone; then also from the beginning of the second circuit on, and from a state of the first that is like it: so what
    is in one class begins alike."""
    rng = np.random.default_rng(0)
    settled = _histories(circuits, [_random(rng, len(circuit.latches)) for circuit in circuits], rng, SETTLED)
    constants = [np.zeros(RECORDED, np.uint64), np.full(RECORDED, ONES)]
    found = _grouped({(number, latch): row for number, history in enumerate(settled) for latch, row in enumerate(history)}, constants)
    early = _histories(circuits, _beginnings(circuits, found), rng, 0)
    kept, split = [[], []], []
    for number, members in enumerate(found):
        for part in _grouped({(circuit, latch): early[circuit][latch] for circuit, latch in members}, []):
            ours = [early[circuit][latch] for circuit, latch in part if circuit]
            constant = number < 2 and all(np.array_equal(row, constants[number]) for row in ours)
            (kept[number] if constant else split).append(part)
    return [*([member for part in parts for member in part] for parts in kept), *split]


def _beginnings(circuits: list[Circuit], found: Classes) -> list[np.ndarray]:
    """uint64 [latches] of each circuit: what the second begins with, and the first in like manner: with what the register of its name has,
    else one of its class, else its constant or 0."""
    begins = {name: begin for names, begin in zip(circuits[1].latches, circuits[1].initial.tolist()) for name in names.split()}
    first = np.zeros(len(circuits[0].latches), np.int64)
    for number, members in enumerate(found):
        usual = [int(circuits[1].initial[latch]) for circuit, latch in members if circuit] or [number * (number < 2)]
        for latch in (latch for circuit, latch in members if not circuit):
            own = [begins[name] for name in circuits[0].latches[latch].split() if name in begins]
            first[latch] = (own or usual)[0]
    return [np.where(values > 0, ONES, np.uint64(0)) for values in (first, circuits[1].initial)]


def _histories(circuits: list[Circuit], states: list[np.ndarray], rng: np.random.Generator, skipped: int) -> list[np.ndarray]:
    """uint64 [latches, RECORDED] of each circuit from some states on, the same random inputs coming in; with a reset, and so many cycles
    after it, skipped, or with the reset in the history."""
    machines, found = [Simulated(circuit) for circuit in circuits], [[] for _ in circuits]
    for machine, state in zip(machines, states):
        machine.state[:] = state
    for cycle in range(-RESET - skipped, RECORDED):
        inputs = dict(zip(circuits[0].inputs, _random(rng, len(circuits[0].inputs))))
        inputs = {name: value | _random(rng, 1)[0] if name.endswith(("valid", "ready")) else value for name, value in inputs.items()}
        steady = ONES if cycle < (0 if skipped else RECORDED // 2) else np.bitwise_or.reduce(_random(rng, 6))
        inputs[LOW] = np.uint64(0) if cycle < -skipped else steady
        for machine, history in zip(machines, found):
            machine.settle(inputs)
            if cycle >= 0 or not skipped:
                history.append(machine.state.copy())
            machine.state[:] = machine.following()
    return [np.stack(history, axis=1)[:, :RECORDED] for history in found]


def _random(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 1 << 64, count, np.uint64)


def _grouped(values: dict[Member, np.ndarray], first: list) -> Classes:
    found: dict[bytes, list[Member]] = {np.array(value).tobytes(): [] for value in first}
    for member, value in values.items():
        found.setdefault(value.tobytes(), []).append(member)
    return list(found.values())


class Pair:
    """Two circuits over one variable for each class of registers, and for each input."""

    def __init__(self, circuits: list[Circuit], found: Classes):
        self.circuits, self.classes, inputs = circuits, found, len(circuits[0].inputs)
        self.variables = inputs + len(found) - 2
        variable = {member: number if number < 2 else 2 * (inputs + number - 1) for number, members in enumerate(found) for member in members}
        self.places, gates, base = [], [], 1 + self.variables
        for number, circuit in enumerate(circuits):
            place = np.zeros(circuit.first_gate + len(circuit.gates), np.int64)
            place[1:circuit.first_latch] = 2 * np.arange(1, 1 + inputs)
            place[circuit.first_latch:circuit.first_gate] = [variable[number, latch] for latch in range(len(circuit.latches))]
            place[circuit.first_gate:] = 2 * (base + np.arange(len(circuit.gates)))
            gates.append(place[circuit.gates >> 1] ^ circuit.gates & 1)
            base += len(circuit.gates)
            self.places.append(place)
        self.gates = np.concatenate(gates)

    def _literal(self, number: int, literal: int) -> int:
        return int(self.places[number][literal >> 1]) ^ literal & 1

    def _following(self, member: Member) -> int:
        return self._literal(member[0], int(self.circuits[member[0]].following[member[1]]))

    def claims(self) -> list[tuple[int, int]]:
        """Literals that must be equal: of the outputs, and of what follows in each class."""
        first, second = self.circuits
        found = [(self._literal(0, literal), self._literal(1, second.outputs[name])) for name, literal in first.outputs.items()]
        for number, members in enumerate(self.classes):
            follow = [self._following(member) for member in members]
            found += [(number, each) for each in follow] if number < 2 else [(follow[0], each) for each in follow[1:]]
        return found

    def counterexample(self) -> np.ndarray | None:
        """Values of the variables, 0 and 1, for which a claim fails; None where ABC proves them all. RuntimeError where it does neither."""
        with tempfile.TemporaryDirectory() as name:
            for file, side in (("a", 0), ("b", 1)):
                (Path(name) / f"{file}.aig").write_bytes(self._aiger([claim[side] for claim in self.claims()]))
            told = run_child([abc(), "-c", f"&read a.aig; &cec -C {CONFLICTS} b.aig"], SECONDS, cwd=name).stdout
        if "Networks are equivalent" in told and "NOT EQUIVALENT" not in told:
            return None
        found = re.search(rf"INPUT: a = {self.variables}'h([0-9A-F]+)", told)
        if not found:
            raise RuntimeError("ABC neither proves nor refutes: " + " ".join(told.split())[-200:])
        return np.array([int(found[1], 16) >> bit & 1 for bit in range(self.variables)], bool)

    def _aiger(self, outputs: list[int]) -> bytes:
        """Binary AIGER of all gates, with these outputs."""
        count, inputs = len(self.gates), self.variables
        head = f"aig {inputs + count} {inputs} 0 {len(outputs)} {count}\n" + "".join(f"{literal}\n" for literal in outputs)
        own, high, low = 2 * (1 + inputs + np.arange(count)), self.gates.max(1), self.gates.min(1)
        return head.encode() + b"".join(map(_in_sevens, np.stack([own - high, high - low], 1).reshape(-1).tolist()))

    def split(self, values: np.ndarray) -> tuple[Classes, list[str]]:
        """Classes that some values of the variables leave equal, and 63 others near them; and outputs that differ for these."""
        rng = np.random.default_rng(len(self.classes))
        near = _random(rng, self.variables) & _random(rng, self.variables) & _random(rng, self.variables) & ~np.uint64(1)
        words = np.where(values, ONES, np.uint64(0)) ^ near
        inputs, machines = self.circuits[0].inputs, [Simulated(circuit) for circuit in self.circuits]
        for number, members in enumerate(self.classes):
            for circuit, latch in members:
                machines[circuit].state[latch] = (np.uint64(0), ONES)[number] if number < 2 else words[len(inputs) + number - 2]
        for machine in machines:
            machine.settle(dict(zip(inputs, words)))
        following, given = [machine.following() for machine in machines], [machine.outputs() for machine in machines]
        names = [name for name, apart in zip(sorted(self.circuits[0].outputs), given[0] != given[1]) if apart]
        constant: list[list[Member]] = [[member for member in members if following[member[0]][member[1]] == (np.uint64(0), ONES)[number]]
                                        for number, members in enumerate(self.classes[:2])]
        others = [[member for member in members if member not in set(kept)] for members, kept in zip(self.classes[:2], constant)]
        split = [_grouped({(c, latch): following[c][latch] for c, latch in members}, []) for members in [*others, *self.classes[2:]]]
        return [*constant, *(members for parts in split for members in parts)], names


def _in_sevens(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def abc() -> Path:
    return Path(find_spec("pyosys").submodule_search_locations[0]) / "yosys-abc"
