"""Values of nodes for many samples at once, 64 in a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from finn_steps.proof.graph import FRAME, FRAMED, Graph, Sum, node_of

Samples = np.ndarray
"""uint64 [ceil(N / 64)]: N bits, the first the lowest; those beyond are 0."""
MOST_TABLE_INPUTS, MOST_MULTIPLEXED = 24, 7


def operands(graph: Graph, number: int) -> tuple[int, ...]:
    """The literals that a node is computed from: of a bit of a sum, terms that do not lie above it."""
    node = graph.nodes[number]
    if node.kind == "sum":
        word, bit = node.operands
        return tuple(literal for literal, coefficient in graph.sums[word].terms if coefficient & (2 << bit) - 1)
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


def packed(bits: np.ndarray) -> Samples:
    """Of uint8 [N], 0 and 1, or bool."""
    found = np.packbits(bits, bitorder="little")
    return np.pad(found, (0, -len(found) % 8)).view(np.uint64)


def unpacked(samples: Samples, size: int) -> np.ndarray:
    """uint8 [size]."""
    return np.unpackbits(samples.view(np.uint8), bitorder="little", count=size)


class Values:
    """Values of nodes, filled in ascending order. A node that depends on what is not known has none, unless that cannot
    matter."""

    def __init__(self, graph: Graph, size: int):
        self.graph, self.size = graph, size
        self.known: dict[int, Samples] = {}
        self._columns: dict[int, list[Samples]] = {}
        self.ones = packed(np.ones(size, np.uint8))
        self.zeros = np.zeros_like(self.ones)

    def literal(self, literal: int) -> Samples | None:
        if literal < 2:
            return self.ones if literal else self.zeros
        if literal & FRAMED and literal & FRAME:
            return None
        value = self.known.get(node_of(literal))
        return value if value is None or not literal & 1 else value ^ self.ones

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
            if np.array_equal(select, self.ones):
                return y
            return x if not select.any() else None
        return x ^ (x ^ y) & select

    def _table(self, literals: tuple[int, ...], bits: int) -> Samples | None:
        columns = [self.literal(literal) for literal in literals]
        if any(column is None for column in columns) or len(columns) > MOST_TABLE_INPUTS:
            return None
        if len(columns) <= MOST_MULTIPLEXED:
            return self._multiplexed(columns, bits)
        place = np.zeros(self.size, np.int64)
        for index, column in enumerate(columns):
            place |= unpacked(column, self.size).astype(np.int64) << index
        return packed(table_values(bits, len(columns))[place])

    def _multiplexed(self, columns: list[Samples], bits: int) -> Samples:
        """A table by its halves, from the first input on; equal ones are made once."""
        entries: list[Samples] = [self.ones if bits >> place & 1 else self.zeros for place in range(1 << len(columns))]
        for column in columns:
            made: dict[tuple[int, int], Samples] = {}
            pairs = list(zip(entries[::2], entries[1::2]))
            for low, high in pairs:
                key = id(low), id(high)
                if key not in made:
                    made[key] = low if low is high else low ^ (low ^ high) & column
            entries = [made[id(low), id(high)] for low, high in pairs]
        return entries[0]

    def forget(self) -> None:
        """Sums that could not be added up, since more may be known now."""
        self._columns = {number: columns for number, columns in self._columns.items() if len(columns) == self.graph.sums[number].width}

    def _sum(self, number: int, bit: int) -> Samples | None:
        columns = self.columns(number)
        return columns[bit] if bit < len(columns) else None

    def columns(self, number: int) -> list[Samples]:
        """The bits of a sum, the least significant first; those only that no unknown term has a part in."""
        if number not in self._columns:
            total = self.graph.sums[number]
            values = [self.literal(literal) for literal, _ in total.terms]
            unknown = (coefficient for value, (_, coefficient) in zip(values, total.terms) if value is None)
            width = min((_lowest_bit(coefficient) for coefficient in unknown), default=total.width)
            self._columns[number] = self._added(total, values)[:width] if width else []
        return self._columns[number]

    def _added(self, total: Sum, values: list[Samples | None]) -> list[Samples]:
        """Adds up what is known, column by column. A coefficient above the half stands for a negative one, and that for the complement."""
        half, constant = 1 << total.width - 1, total.constant
        columns: list[list[Samples]] = [[] for _ in range(total.width)]
        for value, (_, coefficient) in zip(values, total.terms):
            if value is None:
                continue
            if coefficient > half:
                constant, coefficient, value = constant + coefficient, 2 * half - coefficient, value ^ self.ones
            for bit in range(coefficient.bit_length()):
                if coefficient >> bit & 1:
                    columns[bit].append(value)
        for bit in range(total.width):
            columns[bit] += [self.ones] * (constant >> bit & 1)
        return [self._column(columns, bit) for bit in range(total.width)]

    def _column(self, columns: list[list[Samples]], bit: int) -> Samples:
        """The sum of a column; its carries go into the next."""
        column, carries = columns[bit], columns[bit + 1] if bit + 1 < len(columns) else None
        while len(column) > 1:
            a, b, c = column.pop(), column.pop(), column.pop() if column else None
            either = a ^ b
            if c is not None and carries is not None:
                carries.append(a & b | either & c)
            elif carries is not None:
                carries.append(a & b)
            column.insert(0, either if c is None else either ^ c)
        return column[0] if column else self.zeros


def _lowest_bit(number: int) -> int:
    return (number & -number).bit_length() - 1


def table_values(bits: int, inputs: int) -> np.ndarray:
    """uint8 [2**inputs] of a truth table."""
    size = 1 << inputs
    table = np.frombuffer(bits.to_bytes(-(-size // 8), "little"), np.uint8)
    return np.unpackbits(table, bitorder="little", count=size)
