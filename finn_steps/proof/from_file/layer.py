"""A layer of the file against one of the Accelerator, row by row: weights, then the steps behind the sum at both sides of every threshold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

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
        self.partners = {feed.row: feed.partner for feed in feeds if feed.partner}
        self.rows: dict[tuple, list[int]] = defaultdict(list)
        for row in range(ours.MH):
            weights = self.weights_of(row)
            if weights is not None:
                self.rows[_shape({k: Fraction(weight) for k, weight in weights.items()})].append(row)

    def weights_of(self, row: int) -> dict[int, int] | None:
        """Of a row of the Accelerator, over what comes in: of an integer that is two of its inputs, that of the first; None where it reads
        them otherwise."""
        weights = {int(k): int(self.ours.weights[row, k]) for k in np.flatnonzero(self.ours.weights[row])}
        for u, (h, ratio) in self.partners.items():
            if weights.pop(h, 0) != ratio * weights.get(u, 0):
                return None
        return weights

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
        for candidate in () if own.lost else self._candidates(own):
            try:
                return own.held_to(*candidate)
            except NotUnderstood as reason:
                lost = self.ours.name, str(reason)
        return Feed(-1 - row, Fraction(1), Fraction(0), low, high, lost)

    def _candidates(self, own: _Row) -> Iterator[tuple[int, ...]]:
        """Neurons with a row's weights; of a row that wraps, pairs of such with one sum."""
        rows = self.rows.get(_shape(own.weights), [])
        yield from ((row,) for row in rows)
        for u, h in permutations(rows, 2) if own.wraps else ():
            if self.weights_of(u) == self.weights_of(h) and self.ours.bias[u] == self.ours.bias[h]:
                yield u, h

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
        self.before_wrap = self.deciding[: next((place for place, step in enumerate(self.deciding) if step.wraps), len(self.deciding))]

    @property
    def wraps(self) -> bool:
        return len(self.before_wrap) < len(self.deciding)

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
        ours, weights = self.layer.ours, self.layer.weights_of(neuron)
        if weights is None:
            raise NotUnderstood(f"{self._name(neuron)}: it reads two integers that are one of the file's otherwise than as that one")
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

    def held_to(self, *neurons: int) -> Feed:
        """The output of a neuron as what the row carries, or of two with one sum."""
        unit, offset = self.sum_of(neurons[0])
        return _Steps(self, neurons, Fraction(0) if unit is None else unit, offset).feed()


class _Steps:
    """The levels of a row against the thresholds of a neuron, or of two with one sum; sum = unit * accumulator + offset."""

    def __init__(self, row: _Row, neurons: tuple[int, ...], unit: Fraction, offset: Fraction):
        self.row, self.neurons, self.unit, self.offset = row, neurons, unit, offset
        self.neuron, ours = neurons[0], row.layer.ours
        ends = [(weight * low, weight * high) for k, weight in row.layer.weights_of(self.neuron).items() for low, high in [row.layer.ranges[k]]]
        self.low, self.high = (int(ours.bias[self.neuron]) + sum(map(choose, ends)) for choose in (min, max))
        self.thresholds = [ours.thresholds[neuron] for neuron in neurons]
        self.least, self.step = int(DataType[ours.odt].min()), 2 if ours.odt == "BIPOLAR" else 1
        self.ratio = 0
        self.found: list[Undecided] = []

    def feed(self) -> Feed:
        starts = [self.low, *sorted({int(t) for part in self.thresholds for t in part if self.low < t <= self.high})]
        ends = [*(start - 1 for start in starts[1:]), self.high]
        if len(self.neurons) == 2:
            self.ratio = self._ratio(starts)
        least, most = (choose(starts, key=self.output) for choose in (min, max))
        low, high = self.output(least), self.output(most)
        first, last = self.value(least), self.value(most)
        if first is None or last is None:
            raise NotUnderstood(f"{self.row._name(self.neuron)}: its least or greatest value is not decided")
        factor = (last - first) / (high - low) if high != low else Fraction(0)
        offset = first - factor * low
        for start, way in [*((start, 1) for start in starts), *((end, -1) for end in ends)]:
            self._walk(start, way, lambda q: factor * q + offset)
        if self.row.wraps:
            self._no_turns(starts, ends)
        self.row.layer.proof.undecided += dict.fromkeys(self.found)
        partner = (self.neurons[1], self.ratio) if self.ratio else None
        return Feed(self.neuron if high != low else None, factor, offset, low, high, partner=partner)

    def _no_turns(self, starts: list[int], ends: list[int]) -> None:
        """Between two thresholds what the file wraps stays the same, so it cannot go round."""
        for start, end in zip(starts, ends):
            totals = (self.unit * accumulator + self.offset for accumulator in (start, end))
            first, last = (run(self.row.before_wrap, (total, total), self.row.row) for total in totals)
            if first != last:
                raise NotUnderstood(f"{self.row._name(self.neuron)}: what the file wraps changes between accumulators {start} and {end}")

    def _ratio(self, starts: list[int]) -> int:
        """With which u + ratio * h is what the file gives, up to factor and offset: from three accumulators, to be proved for all."""
        counts = {start: self._counts(start) for start in starts}
        for first, second in zip(starts, starts[1:]):
            other = next((start for start in starts if counts[start][1] != counts[first][1]), None)
            if counts[first][1] == counts[second][1] and other is not None:
                values = [self.value(start) for start in (first, second, other)]
                if None in values or values[0] == values[1]:
                    continue
                factor = (values[1] - values[0]) / (counts[second][0] - counts[first][0])
                ratio = ((values[2] - values[0]) / factor - (counts[other][0] - counts[first][0])) / (counts[other][1] - counts[first][1])
                if ratio and ratio.denominator == 1:
                    return int(ratio)
        raise NotUnderstood(f"{self.row._name(self.neuron)}: it and neuron {self.neurons[1]} are not together what the file gives")

    def _counts(self, accumulator: int) -> list[int]:
        return [self.least + self.step * int(np.searchsorted(part, accumulator, side="right")) for part in self.thresholds]

    def output(self, accumulator: int) -> int:
        first, *second = self._counts(accumulator)
        return first + self.ratio * second[0] if second else first

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
