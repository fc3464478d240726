"""The integers of an Accelerator against the file that they were read from, for all inputs, in exact rational arithmetic.

Which row of which layer of the file is a row of the Accelerator is found by its weights: neurons that were merged, or removed because
they always answer the same, need no telling. A row is proved if the file's weights are one multiple of its integers, and the file's
operators behind the sum, monotone all of them, give a level that is one affine function of its output at both sides of every
threshold and at both ends of what its accumulator can reach. What is affine goes on to the next layer as factor and offset.

Accumulators that the rounding of float32 could carry over a step, whatever the order of summation, are listed: there the file itself,
executed in floats, may answer either way, and the integers may be either of the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.proof.from_file.answer import check_answer
from finn_steps.proof.from_file.exact import UNIT, Interval, Step, is_float32, run
from finn_steps.proof.from_file.operators import input_quantiser
from finn_steps.proof.from_file.reading import FileChain, FileLayer, read_chain
from finn_steps.proof.limits import Deadline, NotUnderstood

SECONDS = 20
GREATEST = Fraction(float(np.finfo(np.float32).max))
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


@dataclass(frozen=True)
class FileProof:
    """proved: names of layers; not_proved: name -> why not; undecided: accumulators in float rounding of a step."""

    proved: tuple[str, ...]
    not_proved: dict[str, str]
    undecided: tuple[Undecided, ...] = ()


@dataclass(frozen=True)
class Feed:
    """What a channel of the file carries: factor * q + offset, q in low..high the integer of `row` of the layer before (None where
    the channel is always `offset`). `lost`: (layer, reason) where that is not known; then q is some number in low..high, and the row
    is one of none but this channel, below 0."""

    row: int | None
    factor: Fraction = Fraction(0)
    offset: Fraction = Fraction(0)
    low: int | Fraction = 0
    high: int | Fraction = 0
    lost: tuple[str, str] | None = None

    @property
    def size(self) -> Fraction:
        return max(abs(self.factor * end + self.offset) for end in (self.low, self.high))

    @property
    def in_float32(self) -> bool:
        """Whether float32 holds all of its values exactly."""
        return not self.lost and fits([self.factor, self.offset], self.size)


def fits(parts: list[Fraction], size: Fraction) -> bool:
    """Whether float32 holds all numbers up to a size that are sums of multiples of some parts."""
    parts = [part for part in parts if part]
    if any(part.denominator & part.denominator - 1 for part in parts):
        return False
    grain = min((Fraction(part.numerator & -part.numerator, part.denominator) for part in parts), default=Fraction(1))
    return size / grain <= 1 << 24


def prove_file(path: Path | str, accelerator: Accelerator, seconds: float = SECONDS, input_quant=None) -> FileProof:
    """Hold the Accelerator's integers to the file, in at most about so many seconds of CPU time. input_quant: with the fields bits,
    scale, zero_point and signed, how float inputs are quantised where the build was told so."""
    names, deadline = [layer.name for layer in accelerator.layers], Deadline(seconds)
    try:
        chain = read_chain(path, deadline)
        if input_quant is not None:
            chain.head[:0] = input_quantiser(input_quant.bits, input_quant.scale, input_quant.zero_point, input_quant.signed, chain.features)
        return _Proof(chain, accelerator, deadline).run()
    except NotUnderstood as reason:
        return FileProof((), dict.fromkeys(names, str(reason)))
    except Exception as error:  # a checker that fails has proved nothing; the build is told so, and goes on
        reason = f"the checker itself failed ({type(error).__name__}: {' '.join(str(error).split())})"
        return FileProof((), dict.fromkeys(names, reason))


class _Proof:
    def __init__(self, chain: FileChain, accelerator: Accelerator, deadline: Deadline):
        self.chain, self.accelerator, self.deadline = chain, accelerator, deadline
        self.undecided: list[Undecided] = []

    def run(self) -> FileProof:
        accelerator, file = self.accelerator, self.chain.layers
        if accelerator.input_fixed is not None:
            file = [words_layer(self.chain), *file]
        if len(file) != len(accelerator.layers):
            raise NotUnderstood(f"the file has {len(file)} layers, the accelerator {len(accelerator.layers)}")
        feeds = input_feeds(self.chain, accelerator) if accelerator.input_fixed is None else word_feeds(accelerator, self.chain.features)
        for ours, theirs in zip(accelerator.layers[:-1], file):
            feeds = _Layer(theirs, ours, feeds, self).feeds()
        lost = _Layer(file[-1], accelerator.layers[-1], feeds, self).answers()
        names = [layer.name for layer in accelerator.layers]
        if lost is None:
            return FileProof(tuple(names), {}, tuple(self.undecided))
        layer, reason = lost
        place = names.index(layer)
        after = dict.fromkeys(names[place + 1:], f"{layer} in front of it is not proved")
        kept = tuple(each for each in self.undecided if each.layer in names[:place])
        return FileProof(tuple(names[:place]), {layer: reason, **after}, kept)


def input_feeds(chain: FileChain, accelerator: Accelerator) -> list[Feed]:
    """What the host sends: the integers of the last quantiser in front of the first layer, or of an input that is integers."""
    first = accelerator.layers[0]
    quantised = max((place + 1 for place, step in enumerate(chain.head) if step.levels), default=0)
    if not quantised and not chain.integers:
        raise NotUnderstood("the file does not say to which integers its input is quantised")
    while 0 < quantised < len(chain.head) and not chain.head[quantised].affine:  # a Clip of the integers
        quantised += 1
    bipolar = [Step("input", lambda x, c: (2 * x[0] - 1, 2 * x[1] - 1))] if chain.integers == "BIPOLAR" and not quantised else []
    after = [*bipolar, *chain.head[quantised:]]
    place = {int(feature): k for k, feature in enumerate(accelerator.input_index)}
    feeds = []
    for feature in range(len(chain.layers[0].weights[0])):
        low, high = _file_range(chain, quantised, feature)
        if feature in place:
            k = place[feature]
            feeds.append(_sent(after, k, feature, (low, high), (int(first.input_low[k]), int(first.input_high[k]))))
        elif low == high:
            feeds.append(Feed(None, offset=_point(run(after, (Fraction(low),) * 2, feature))))
        else:
            lost = first.name, f"input {feature} is read by the file and not sent"
            feeds.append(replace(_affine_feed(after, -1 - feature, feature, low, high, 0), lost=lost))
    return feeds


def words_layer(chain: FileChain) -> FileLayer:
    """The input end as a layer of its own: each feature as it comes, in floats that hold it exactly, and the steps in front of the first layer."""
    if chain.integers:
        raise NotUnderstood(f"the input is whole numbers already ({chain.integers}), no words of fixed point")
    eye = np.array([[Fraction(int(row == column)) for column in range(chain.features)] for row in range(chain.features)], dtype=object)
    return FileLayer("the input", eye, np.array([Fraction(0)] * chain.features, dtype=object), False, chain.head)


def word_feeds(accelerator: Accelerator, features: int) -> list[Feed]:
    """What the wires carry: of a word of W bits, I in front of the point, its value is word / 2**(W - I)."""
    first, words = accelerator.layers[0], accelerator.input_fixed.words
    place = {int(feature): k for k, feature in enumerate(accelerator.input_index)}
    feeds = []
    for feature, word in enumerate(words * features if len(words) == 1 else words):
        low, high, unit = -(1 << word.bits - 1), (1 << word.bits - 1) - 1, Fraction(2) ** (word.integer_bits - word.bits)
        k = place.get(feature)
        if k is None:
            lost = first.name, f"input {feature} is read by the file and not sent"
            feeds.append(Feed(-1 - feature, unit, Fraction(0), low, high, lost))
            continue
        if (int(first.input_low[k]), int(first.input_high[k])) != (low, high):
            raise NotUnderstood(f"input {feature} is a word of {low}..{high}, {first.name} takes {first.input_low[k]}..{first.input_high[k]}")
        feeds.append(Feed(k, unit, Fraction(0), low, high))
    return feeds


def _file_range(chain: FileChain, quantised: int, feature: int) -> tuple[int, int]:
    """The integers of the file that an input can be."""
    if quantised:
        low, high = run(chain.head[:quantised], (-GREATEST, GREATEST), feature)
        return int(min(low, high)), int(max(low, high))
    if chain.integers == "BIPOLAR":
        return 0, 1
    try:
        return int(DataType[chain.integers].min()), int(DataType[chain.integers].max())
    except KeyError:
        raise NotUnderstood(f"the input is of type {chain.integers}") from None


def _sent(steps: list[Step], k: int, feature: int, told: tuple[int, int], sent: tuple[int, int]) -> Feed:
    """An input of the Accelerator, which takes the file's integers, all of them, or as many of its own."""
    low, high = told
    if sent[0] <= low and high <= sent[1]:
        return _affine_feed(steps, k, feature, low, high, 0)
    if high - low == sent[1] - sent[0]:
        return _affine_feed(steps, k, feature, *sent, low - sent[0])
    raise NotUnderstood(f"input {feature} is quantised to {low}..{high}, the accelerator takes {sent[0]}..{sent[1]}")


def _affine_feed(steps: list[Step], row: int, channel: int, low: int, high: int, shift: int) -> Feed:
    """q in low..high as what the steps make of q + shift: all of them are tried."""
    values = [_point(run(steps, (Fraction(q + shift),) * 2, channel)) for q in range(low, high + 1)]
    factor = values[1] - values[0] if high > low else Fraction(0)
    if any(after - before != factor for before, after in zip(values, values[1:])):
        raise NotUnderstood(f"the values of input {channel} have no even steps")
    return Feed(row, factor, values[0] - factor * low, low, high)


def _point(interval: Interval) -> Fraction:
    if interval[0] != interval[1]:
        raise NotUnderstood("a value is no rational number")
    return interval[0]


class _Layer:
    """One layer of the file, and of the Accelerator; feeds: what comes in, by channel of the file."""

    def __init__(self, theirs: FileLayer, ours: SparseLayer, feeds: list[Feed], proof: _Proof):
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

    def __init__(self, layer: _Layer, row: int):
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
        return _point(run(self.behind, (level, level), self.row))

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
