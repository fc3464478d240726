"""Values of nodes for many samples at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from finn_steps.proof.graph import FRAME, FRAMED, Graph, node_of

Samples = np.ndarray
"""uint8 [N] of 0 and 1."""
MOST_TABLE_INPUTS = 24


def operands(graph: Graph, number: int) -> tuple[int, ...]:
    """The literals that a node is computed from."""
    node = graph.nodes[number]
    if node.kind == "sum":
        return tuple(literal for literal, _ in graph.sums[node.operands[0]].terms)
    if node.kind == "table":
        return node.operands[0]
    return node.operands if node.kind in ("and", "xor", "mux") else ()


def cone(graph: Graph, roots: Iterable[int], stop: Callable[[int], bool]) -> list[int]:
    """The nodes that some nodes depend on, these among them, in ascending order: each after what it reads. Of a node where `stop`
    holds, not what is below it."""
    found, waiting = set(), [root for root in roots if root]
    while waiting:
        number = waiting.pop()
        if number in found:
            continue
        found.add(number)
        if not stop(number):
            waiting += [node_of(literal) for literal in operands(graph, number) if literal > 1]
    return sorted(found)


class Values:
    """Values of nodes, filled in ascending order. A node that depends on what is not known has none, unless that cannot
    matter."""

    def __init__(self, graph: Graph, size: int):
        self.graph, self.size = graph, size
        self.known: dict[int, Samples] = {}
        self.words: dict[int, np.ndarray | None] = {}
        self.zeros, self.ones = np.zeros(size, np.uint8), np.ones(size, np.uint8)

    def literal(self, literal: int) -> Samples | None:
        if literal < 2:
            return self.ones if literal else self.zeros
        if literal & FRAMED and literal & FRAME:
            return None
        value = self.known.get(node_of(literal))
        return value if value is None or not literal & 1 else value ^ 1

    def compute(self, number: int) -> None:
        """The value of a node from those of its operands."""
        if number in self.known:
            return
        node = self.graph.nodes[number]
        value = getattr(self, f"_{node.kind}", self._nothing)(*node.operands)
        if value is not None:
            self.known[number] = value

    @staticmethod
    def _nothing(*_) -> None:
        return None

    def _and(self, a: int, b: int) -> Samples | None:
        x, y = self.literal(a), self.literal(b)
        if x is not None and y is not None:
            return x & y
        known = y if x is None else x
        return self.zeros if known is not None and not known.any() else None

    def _xor(self, a: int, b: int) -> Samples | None:
        x, y = self.literal(a), self.literal(b)
        return None if x is None or y is None else x ^ y

    def _mux(self, s: int, a: int, b: int) -> Samples | None:
        select, x, y = self.literal(s), self.literal(a), self.literal(b)
        if select is None:
            return None
        if x is None or y is None:
            if select.all():
                return y
            return x if not select.any() else None
        return np.where(select, y, x)

    def _table(self, literals: tuple[int, ...], bits: int) -> Samples | None:
        columns = [self.literal(literal) for literal in literals]
        if any(column is None for column in columns) or len(columns) > MOST_TABLE_INPUTS:
            return None
        place = np.zeros(self.size, np.int64)
        for index, column in enumerate(columns):
            place |= column.astype(np.int64) << index
        return table_values(bits, len(columns))[place]

    def _sum(self, number: int, bit: int) -> Samples | None:
        if number not in self.words:
            self.words[number] = self.word(number)
        word = self.words[number]
        return None if word is None else (word >> np.uint64(bit) & np.uint64(1)).astype(np.uint8)

    def word(self, number: int) -> np.ndarray | None:
        """uint64 [N], modulo 2**64, of a sum."""
        total = self.graph.sums[number]
        if total.width > 64:
            return None
        found = np.full(self.size, total.constant, np.uint64)
        for literal, coefficient in total.terms:
            value = self.literal(literal)
            if value is None:
                return None
            found += value * np.uint64(coefficient)
        return found


def table_values(bits: int, inputs: int) -> Samples:
    """uint8 [2**inputs] of a truth table."""
    size = 1 << inputs
    packed = np.frombuffer(bits.to_bytes(-(-size // 8), "little"), np.uint8)
    return np.unpackbits(packed, bitorder="little", count=size)
