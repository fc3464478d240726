"""Between two layers: which nodes of a design are which bits of the values there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from finn_steps.proof.evaluate import Values, packed
from finn_steps.proof.graph import literal_of
from finn_steps.proof.rows import Pair
from finn_steps.proof.specification import MOST_ACCUMULATORS, Code, Neuron, Source

MOST_INPUTS_TOGETHER, CHUNK = 1 << 15, 1 << 17


@dataclass(frozen=True)
class Bit:
    """Bit `index` of input or neuron `row` as `code` spells it; `inverted`: its complement."""

    row: int
    code: str
    index: int
    inverted: int = 0


class Boundary:
    """What the bits of some values are in a design: those that one layer gives, and the next one takes.

    sources   the values of each row; codes[row]: how they may be spelled
    bits      node -> the bits that it is, one for each row and spelling that it fits; the first is the one that is relied on
    used      (node, Bit) pairs on which a proof relies
    neurons, before   what gives these values, and from what; none for the inputs of a first layer
    pairs     of rows, by the row that is their value
    """

    def __init__(self, sources: list[Source], codes: list[dict[str, Code]], neurons: list[Neuron] = (), before: Boundary | None = None,
                 pairs: dict[int, Pair] | None = None):
        self.sources, self.codes, self.pairs = sources, codes, pairs or {}
        self.neurons, self.before = neurons, before
        self.bits: dict[int, list[Bit]] = {}
        self.used: set[tuple[int, Bit]] = set()
        self._known: dict[tuple[int, ...], np.ndarray | None] = {}

    def stops(self, node: int) -> bool:
        return node in self.bits

    def combinations(self, rows: list[int], most: int) -> np.ndarray | None:
        """int64 [N, rows]: what some values can be together: all that each can be, but for neurons that read the same few inputs;
        None where that are more than `most`."""
        found = list(self.chunks(rows, most) or ())
        return np.concatenate(found) if found else None

    def chunks(self, rows: list[int], most: int) -> Iterator[np.ndarray] | None:
        """The same in parts of at most CHUNK."""
        parts = self.values_of(rows)
        columns = [row for group, _ in parts for row in group]
        order, tables = [columns.index(row) for row in rows], [values for _, values in parts]
        size = math.prod(map(len, tables))
        return None if size > most else (product_of(tables, begin, min(size, begin + CHUNK))[:, order] for begin in range(0, size, CHUNK))

    def values_of(self, rows: list[int]) -> list[tuple[list[int], np.ndarray]]:
        """The same by groups of rows: (rows, int64 [N, rows]), independent of each other as far as is known."""
        found = []
        for group in self._groups(rows):
            together = self._together(group)
            if together is None:
                found += [(part, self._alone(part[0]) if len(part) < 2 else self._together(part)) for part in self._parts(group)]
            else:
                found.append((group, together))
        return found

    def _alone(self, row: int) -> np.ndarray:
        return self.sources[row].values[:, None]

    def _parts(self, rows: list[int]) -> list[list[int]]:
        """Rows that are too many to be taken together, in parts that are not: a row joins a part of which it reads an input."""
        parts: list[list[int]] = []
        for row in rows:
            for part in parts:
                shares = any(self.neurons[row].weights.keys() & self.neurons[other].weights.keys() for other in part)
                if shares and self._together([*part, row]) is not None:
                    part.append(row)
                    break
            else:
                parts.append([row])
        return parts

    def _groups(self, rows: list[int]) -> list[list[int]]:
        """Rows that read an input in common, directly or through others."""
        if not self.neurons:
            return [[row] for row in rows]
        groups: list[tuple[set[int], list[int]]] = []
        for row in rows:
            reads = set(self.neurons[row].weights)
            touched = [group for group in groups if group[0] & reads]
            groups = [group for group in groups if not group[0] & reads]
            groups.append((reads.union(*(group[0] for group in touched)), [*(each for group in touched for each in group[1]), row]))
        return [group for _, group in groups]

    def alike(self) -> list[tuple[list[int], np.ndarray]]:
        """Rows of one sum, and what they can be together."""
        found: dict[tuple, list[int]] = {}
        for neuron in self.neurons:
            found.setdefault((*sorted(neuron.weights.items()), neuron.bias), []).append(neuron.row)
        together = [(rows, self._together(rows)) for rows in found.values() if len(rows) > 1]
        return [(rows, values) for rows, values in together if values is not None]

    def _together(self, rows: list[int]) -> np.ndarray | None:
        """What neurons that share inputs answer to all that these can be; None where that is too much. Of neurons of one sum the answers
        to all that the sum may be."""
        if len(rows) < 2 or not self.neurons:
            return None
        key = tuple(rows)
        if key not in self._known:
            neurons = [self.neurons[row] for row in rows]
            reads = sorted({k for neuron in neurons for k in neuron.weights})
            many = sum(self.before.sources[k].low < self.before.sources[k].high for k in reads) >= MOST_INPUTS_TOGETHER.bit_length()
            inputs = None if many else self.before.combinations(reads, MOST_INPUTS_TOGETHER)
            if inputs is not None:
                weights = np.array([[neuron.weights.get(k, 0) for k in reads] for neuron in neurons], np.int64)
                sums = (inputs @ weights.T + np.array([neuron.bias for neuron in neurons])).T
            elif all((neuron.weights, neuron.bias) == (neurons[0].weights, neurons[0].bias) for neuron in neurons):
                sums = [neurons[0].accumulators if neurons[0].high - neurons[0].low < MOST_ACCUMULATORS else None] * len(rows)
            else:
                sums = [None]
            outputs = None if sums[0] is None else [neuron.output(each) for neuron, each in zip(neurons, sums)]
            self._known[key] = None if outputs is None else np.unique(np.stack(outputs, 1), axis=0)
        return self._known[key]

    def assign(self, values: Values, integers: np.ndarray) -> None:
        """Give all nodes here the bits of integers [N, rows]."""
        for node, (bit, *_) in self.bits.items():
            values.known[node] = packed(self.value(bit, integers[:, bit.row]))

    def value(self, bit: Bit, integers: np.ndarray) -> np.ndarray:
        """uint8 [N]."""
        return self.codes[bit.row][bit.code].bit(integers, bit.index) ^ np.uint8(bit.inverted)

    @cached_property
    def nodes(self) -> dict[Bit, tuple[int, int]]:
        """For each bit of a value that is to be found: a node, and whether that is its complement."""
        return {Bit(bit.row, bit.code, bit.index): (node, bit.inverted) for node, bits in self.bits.items() for bit in bits}

    def spelled(self, row: int) -> list[tuple[int, Code, int]] | None:
        """(literal, code, index) of all bits of a value that change, in one of its spellings; None where no spelling is whole."""
        for name, code in self.codes[row].items():
            changing = [Bit(row, name, index) for index in range(len(code.weights)) if changes(code, self.sources[row], index)]
            if all(bit in self.nodes for bit in changing) and (changing or self.sources[row].low == self.sources[row].high):
                return [(literal_of(self.nodes[bit][0]) ^ self.nodes[bit][1], code, bit.index) for bit in changing]
        return None

    def pairs_read(self, weights: dict[int, int]) -> dict[int, Pair]:
        """Of the pairs those that a sum with such weights can read as one."""
        return {row: pair for row, pair in self.pairs.items() if weights.get(pair.u) and weights.get(pair.h) == pair.ratio * weights[pair.u]}

    def used_as(self, node: int, bit: Bit) -> None:
        self.used.add((node, bit))


def product_of(tables: list[np.ndarray], begin: int, end: int) -> np.ndarray:
    """int64 [end - begin, columns]: of every row of one table with every row of the others, those with such numbers."""
    place, found = np.arange(begin, end), []
    for table in reversed(tables):
        place, digit = np.divmod(place, len(table))
        found.append(table[digit])
    return np.concatenate([np.zeros((end - begin, 0), np.int64), *reversed(found)], axis=1)


def changes(code: Code, source: Source, index: int) -> bool:
    """Whether a bit is not the same for all values."""
    bits = code.bit(source.values, index)
    return bool(bits.any() and not bits.all())
