"""A netlist of one-bit signals, adders and small Boolean functions, from which a pipeline is scheduled and written.

A *literal* is an integer: 2 * signal for the signal itself, 2 * signal + 1 for its complement; 0 and 1 are the constants.
A *function* is a pair (literals, table) of truth_table.py. What one node computes costs one unit of delay; `pipeline`
places the nodes of equal unit, `registers_every` units to a stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from finn_steps.rtl import truth_table

Function = tuple[tuple[int, ...], int]


@dataclass(frozen=True)
class Node:
    """`outputs` consecutive signals from `first` on.

    input     operand: the bit of x
    function  `b` holds one function, the output
    adder     sum of the word `a` (literals, least significant first), the word `b` (functions) and the literal `carry`
    """

    kind: str
    first: int
    outputs: int
    unit: int
    a: tuple[int, ...] = ()
    b: tuple[Function, ...] = ()
    carry: int = 0

    @property
    def reads(self) -> set[int]:
        """The signals this node depends on."""
        if self.kind == "input":
            return set()
        literals = set(self.a) | {self.carry}
        for inputs, _ in self.b:
            literals.update(inputs)
        return {literal >> 1 for literal in literals if literal > 1}


class Netlist:
    """Nodes in topological order; grows by `input`, `function` and `adder`, which reuse an equal node."""

    def __init__(self):
        self.nodes: list[Node] = []
        self.driver: list[int] = [-1]
        self._known: dict[tuple, int] = {}

    def unit(self, literal: int) -> int:
        """When a literal is there: the number of nodes on the longest path to it."""
        return 0 if literal <= 1 else self.nodes[self.driver[literal >> 1]].unit

    def input(self, bits: int) -> list[int]:
        """Literals of the bits of the port x, the least significant first."""
        return [2 * self._append("input", 1, 0, a=(bit,)) for bit in range(bits)]

    def function(self, inputs: list[int], table: int, delay: int = 1) -> int:
        """The literal of a Boolean function; constants and single literals cost nothing, others `delay` units."""
        inputs, table = reduced(inputs, table)
        if not inputs:
            return table
        if len(inputs) == 1:
            return inputs[0] ^ (table == 1)
        return 2 * self._append("function", 1, delay + max(map(self.unit, inputs)), b=((inputs, table),))

    def inverter(self, literal: int) -> int:
        """The literal as a signal of its own: what a chain can take where only the complement is a signal."""
        return 2 * self._append("function", 1, self.unit(literal), b=(((literal & ~1,), 1 if literal & 1 else 2),))

    def adder(self, a: list[int], b: list[Function], carry: int = 0) -> list[int]:
        """Literals of (a + b + carry) mod 2**len(a), for words of equal length."""
        b = tuple(reduced(*function) for function in b)
        literals = [*a, carry] + [literal for inputs, _ in b for literal in inputs]
        first = self._append("adder", len(a), 1 + max(map(self.unit, literals)), a=tuple(a), b=b, carry=carry)
        return [2 * (first + bit) for bit in range(len(a))]

    def _append(self, kind: str, outputs: int, unit: int, **operands) -> int:
        key = (kind, outputs, tuple(sorted(operands.items())))
        if key not in self._known:
            self._known[key] = first = len(self.driver)
            self.driver += [len(self.nodes)] * outputs
            self.nodes.append(Node(kind, first, outputs, unit, **operands))
        return self._known[key]


def reduced(inputs, table: int) -> Function:
    """The same function over distinct, uncomplemented, non-constant signals that it depends on, in ascending order."""
    signals = sorted({literal & ~1 for literal in inputs if literal > 1})
    places = {signal: 2 * place for place, signal in enumerate(signals, 1)}
    read, table = _reduced(tuple(places[literal & ~1] | literal & 1 if literal > 1 else literal for literal in inputs), table)
    return tuple(signals[literal // 2 - 1] for literal in read), table


@lru_cache(maxsize=1 << 16)
def _reduced(inputs: tuple[int, ...], table: int) -> Function:
    inputs = list(inputs)
    for index in reversed(range(len(inputs))):
        if inputs[index] <= 1:
            table = truth_table.cofactors(table, index, len(inputs))[inputs[index]]
            del inputs[index]
    for index in reversed(range(len(inputs))):
        low, high = truth_table.cofactors(table, index, len(inputs))
        if low == high:
            table = low
            del inputs[index]
    signals = sorted({literal & ~1 for literal in inputs})
    if signals != inputs:
        spelled = 0
        for value in range(1 << len(signals)):
            bit = {signal: value >> position & 1 for position, signal in enumerate(signals)}
            index = sum((bit[literal & ~1] ^ literal & 1) << position for position, literal in enumerate(inputs))
            spelled |= (table >> index & 1) << value
        return _reduced(tuple(signals), spelled)
    return tuple(inputs), table
