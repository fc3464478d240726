"""A layer of the file against one of the Accelerator, row by row: weights, then the steps behind the sum at both sides of every threshold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.proof.from_file.answer import check_answer
from finn_steps.proof.from_file.exact import UNIT, Interval, is_float32, run
from finn_steps.proof.from_file.feed import Feed, fits, point
from finn_steps.proof.from_file.reading import FileChain, FileLayer
from finn_steps.proof.limits import Deadline, NotUnderstood

MOST_WALKED = 64
"""Accumulators beyond a threshold that may be undecided in floats."""


@dataclass(frozen=True)
class Undecided:
    """An accumulator of a neuron of the Accelerator within float rounding of a step of the file. `differs`: exact arithmetic gives
    another level than the integers there."""

    layer: str
    neuron: int
    accumulator: int
    differs: bool


@dataclass
class Proof:
    """What the layers of one proof have in common."""

    chain: FileChain
    accelerator: Accelerator
    deadline: Deadline
    undecided: list[Undecided]


class Layer:
    """One layer of the file, and of the Accelerator; feeds: what comes in, by channel of the file."""

    def __init__(self, theirs: FileLayer, ours: SparseLayer, feeds: list[Feed], proof: Proof):
        self.theirs, self.ours, self.incoming, self.proof = theirs, ours, feeds, proof
        self.ranges = {**dict.fromkeys(range(ours.MW), (0, 0)), **{feed.row: (feed.low, feed.high) for feed in feeds}}
        self.rows: dict[tuple, list[int]] = defaultdict(list)
        for row in range(ours.MH):
            weights = {int(k): Fraction(int(ours.weights[row, k])) for k in np.flatnonzero(ours.weights[row])}
            self.rows[_shape(weights)].append(row)

    def feeds(self) -> list[Feed]:
        """What the layer gives, by channel of the file; where it is not proved, `lost` says why."""
        return [self._feed(row) for row in range(len(self.theirs.bias))]

    def _feed(self, row: int) -> Feed:
        self.proof.deadline.check()
        own = _Row(self, row)
        if not own.deciding:
            raise NotUnderstood(f"{self.theirs.name}: no quantiser follows it")
        low, high = own.levels
        if low == high:
            return Feed(None, offset=low)
        lost = own.lost or (self.ours.name, f"{self.theirs.name}, row {row}: its weights are not those of any neuron of {self.ours.name}")
        for candidate in () if own.lost else self.rows.get(_shape(own.weights), ()):
            try:
                return own.held_to(candidate)
            except NotUnderstood as reason:
                lost = self.ours.name, str(reason)
        return Feed(-1 - row, Fraction(1), Fraction(0), low, high, lost)

    def answers(self) -> tuple[str, str] | None:
        """Of the last layer: None, or the layer that is not proved and why."""
        try:
            if self.ours.MH != len(self.theirs.bias):
                raise NotUnderstood(f"{self.theirs.name} has {len(self.theirs.bias)} rows, {self.ours.name} {self.ours.MH}")
            labels = self.proof.accelerator.labels
            sums = {}
            for neuron in range(self.ours.MH):
                row = neuron if labels is None else int(labels[neuron])
                own = _Row(self, row)
                if own.lost:
                    return own.lost
                if self.ours.thresholds is not None and not own.deciding:
                    raise NotUnderstood(f"{self.theirs.name}: no quantiser follows it")
                sums[row] = own.sum_of(neuron) if self.ours.thresholds is None else own.held_to(neuron)
            check_answer(self.proof.chain, self.proof.accelerator, sums)
        except NotUnderstood as reason:
            return self.ours.name, str(reason)
        return None


class _Row:
    """A row of the file over the integers that come in. weights: input of the Accelerator's layer -> factor; lost: (layer, reason)
    where one of them is not known; error: how far float32 may be off."""

    def __init__(self, layer: Layer, row: int):
        self.layer, self.row = layer, row
        theirs = layer.theirs
        self.weights: dict[int, Fraction] = defaultdict(Fraction)
        self.lost: tuple[str, str] | None = None
        self.offset, terms = theirs.bias[row], []
        for weight, feed in zip(theirs.weights[row], layer.incoming):
            if not weight:
                continue
            self.lost = self.lost or feed.lost
            terms.append((weight, feed))
            self.offset += weight * feed.offset
            if feed.row is not None:
                self.weights[feed.row] += weight * feed.factor
        self.weights = {k: weight for k, weight in self.weights.items() if weight}
        self.error = _sum_error(terms, theirs.bias[row]) if theirs.in_floats else Fraction(0)
        levels = [place for place, step in enumerate(theirs.after) if step.levels]
        self.deciding = theirs.after[: levels[-1] + 1] if levels else []
        self.behind = theirs.after[levels[-1] + 1:] if levels else theirs.after

    @property
    def levels(self) -> Interval:
        """How far the row's values reach, in exact arithmetic and in floats."""
        ends = [(weight * self.layer.ranges[k][0], weight * self.layer.ranges[k][1]) for k, weight in self.weights.items()]
        low, high = (self.offset + sum(map(choose, ends)) for choose in (min, max))
        found = run(self.deciding, (low - self.error, high + self.error), self.row, floats=True)
        values = [self._behind(level) for level in found]
        return min(values), max(values)

    def _behind(self, level: Fraction) -> Fraction:
        return point(run(self.behind, (level, level), self.row))

    def sum_of(self, neuron: int) -> tuple[Fraction | None, Fraction]:
        """(unit, offset): the row's sum is unit * accumulator + offset; unit is None where the sum is always offset."""
        ours = self.layer.ours
        weights = {int(k): int(ours.weights[neuron, k]) for k in np.flatnonzero(ours.weights[neuron])}
        moving = {k for k in {*weights, *self.weights} if self.layer.ranges[k][0] != self.layer.ranges[k][1]}
        units = {self.weights.get(k, Fraction(0)) / weights[k] if weights.get(k) else None for k in moving}
        if len(units) > 1 or None in units or Fraction(0) in units:
            raise NotUnderstood(f"{self._name(neuron)}: its weights are no multiples of the file's ({self.layer.theirs.name}, row {self.row})")
        fixed = {k: self.layer.ranges[k][0] for k in {*weights, *self.weights} - moving}
        unit = units.pop() if units else None
        ahead = int(ours.bias[neuron]) + sum(weights.get(k, 0) * value for k, value in fixed.items())
        told = self.offset + sum(self.weights.get(k, 0) * value for k, value in fixed.items())
        if unit is None:
            return None, told
        return unit, told - unit * ahead

    def _name(self, neuron: int) -> str:
        return f"{self.layer.ours.name}, neuron {neuron}"

    def held_to(self, neuron: int) -> Feed:
        """The neuron's output as what the row carries."""
        unit, offset = self.sum_of(neuron)
        return _Steps(self, neuron, Fraction(0) if unit is None else unit, offset).feed()


class _Steps:
    """The levels of a row against the thresholds of a neuron; sum = unit * accumulator + offset."""

    def __init__(self, row: _Row, neuron: int, unit: Fraction, offset: Fraction):
        self.row, self.neuron, self.unit, self.offset = row, neuron, unit, offset
        ours = row.layer.ours
        ends = [(int(w) * low, int(w) * high) for k, w in enumerate(ours.weights[neuron]) if w
                for low, high in [row.layer.ranges[k]]]
        self.low, self.high = (int(ours.bias[neuron]) + sum(map(choose, ends)) for choose in (min, max))
        self.thresholds = ours.thresholds[neuron]
        self.least, self.step = int(DataType[ours.odt].min()), 2 if ours.odt == "BIPOLAR" else 1
        self.found: list[Undecided] = []

    def feed(self) -> Feed:
        low, high = self.output(self.low), self.output(self.high)
        first, last = self.value(self.low), self.value(self.high)
        if first is None or last is None:
            raise NotUnderstood(f"{self.row._name(self.neuron)}: its least or greatest value is not decided")
        factor = (last - first) / (high - low) if high != low else Fraction(0)
        offset = first - factor * low
        reached = sorted({int(t) for t in self.thresholds if self.low < t <= self.high})
        for start, way in [*((t, 1) for t in reached), *((t - 1, -1) for t in reached), (self.low, 1), (self.high, -1)]:
            self._walk(start, way, lambda q: factor * q + offset)
        self.row.layer.proof.undecided += dict.fromkeys(self.found)
        return Feed(self.neuron if high != low else None, factor, offset, low, high)

    def output(self, accumulator: int) -> int:
        return self.least + self.step * int(np.searchsorted(self.thresholds, accumulator, side="right"))

    def value(self, accumulator: int) -> Fraction | None:
        """By exact arithmetic; None where that cannot decide, which takes an irrational number."""
        total = self.unit * accumulator + self.offset
        low, high = run(self.row.deciding, (total, total), self.row.row)
        return self.row._behind(low) if low == high else None

    def values_in_floats(self, accumulator: int) -> Iterator[Fraction]:
        """The least and the greatest level that float32 may give."""
        total, error = self.unit * accumulator + self.offset, self.row.error
        for level in run(self.row.deciding, (total - error, total + error), self.row.row, floats=True):
            yield self.row._behind(level)

    def _walk(self, accumulator: int, way: int, wanted) -> None:
        """From one side of a threshold away from it, until floats cannot be wrong any more."""
        for _ in range(MOST_WALKED):
            want = wanted(self.output(accumulator))
            exact, ends = self.value(accumulator), sorted(self.values_in_floats(accumulator))
            if exact == want and ends[0] == ends[1]:
                return
            if not ends[0] <= want <= ends[1]:
                raise NotUnderstood(f"{self.row._name(self.neuron)}: for accumulator {accumulator} the file gives "
                                    f"{'no rational number' if exact is None else float(exact)}, the integers mean {float(want)}")
            self.found.append(Undecided(self.row.layer.ours.name, self.neuron, accumulator, exact != want))
            accumulator += way
            if not self.low <= accumulator <= self.high:
                return
        raise NotUnderstood(f"{self.row._name(self.neuron)}: float rounding reaches more than {MOST_WALKED} accumulators beyond a threshold")


def _shape(weights: dict[int, Fraction]) -> tuple:
    """The same for all multiples of some weights."""
    first = weights[min(weights)] if weights else 1
    return tuple(sorted((k, weight / first) for k, weight in weights.items()))


def _sum_error(terms: list[tuple[Fraction, Feed]], bias: Fraction) -> Fraction:
    """How far a float32 sum of weight * value, in any order, with the bias, can be from the exact one.

    Of n terms of total size T: u * ((n - 1) + 3) * T, for each addition, and the factors and the product of each term. Nothing where
    all are multiples of one power of two that float32 holds, and no partial sum has more than 24 bits of it.
    """
    total = sum((abs(weight) * feed.size for weight, feed in terms), abs(bias))
    if all(is_float32(weight) and feed.in_float32 for weight, feed in terms) and is_float32(bias):
        if fits([bias, *(weight * part for weight, feed in terms for part in (feed.factor, feed.offset))], total):
            return Fraction(0)
    return UNIT * (len(terms) + 3) * total
