"""Thresholds as logic: from the bits of an accumulator to the bits of the number of thresholds reached.

The accumulator less an origin is cut into segments of 2**low_bits values, so small that no segment holds two thresholds inside.
The upper bits, the segment's index, look up the count at the segment's start and what it becomes above the one threshold inside;
the lower bits are compared with that threshold, itself looked up in the LUTs of the comparing carry chain. Thresholds at a
segment's start cost nothing, so evenly spaced ones of a power of two need no comparison. The origin is free (a constant in
the sum): it is chosen, with the segments' size, for the least number of LUTs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from finn_steps.rtl import truth_table
from finn_steps.rtl.netlist import Netlist

LUT_INPUTS = 6
DIRECT_INPUTS = 8


def reachable(thresholds: np.ndarray, low: int, high: int) -> tuple[int, tuple[int, ...]]:
    """How many of a row's ascending thresholds every accumulator in low..high reaches, and those that only some do."""
    always, some = np.searchsorted(thresholds, (low, high), side="right").tolist()
    return always, tuple(np.asarray(thresholds)[always:some].tolist())


class Counting:
    """What counts how many of `count` thresholds an accumulator in origin..high has reached."""

    count: int
    origin: int
    high: int

    @property
    def width(self) -> int:
        """Bits of the greatest accumulator less origin."""
        return max(1, (self.high - self.origin).bit_length())

    @property
    def outputs(self) -> int:
        return self.count.bit_length()


@dataclass(frozen=True)
class Activation(Counting):
    """Ascending `thresholds` on an accumulator in origin..high, in segments of 2**low_bits."""

    thresholds: tuple[int, ...]
    origin: int
    high: int
    low_bits: int

    @property
    def count(self) -> int:
        return len(self.thresholds)

    @cached_property
    def inside(self) -> dict[int, int]:
        """Segment -> the threshold inside it, less the segment's start."""
        size = 1 << self.low_bits
        return {(t - self.origin) // size: (t - self.origin) % size for t in self.thresholds if (t - self.origin) % size}

    @cached_property
    def shift(self) -> int:
        """The lowest bits that decide nothing."""
        return min([(t & -t).bit_length() - 1 for t in self.inside.values()] + [self.low_bits])

    @property
    def index_bits(self) -> int:
        return self.width - self.low_bits

    def counts(self, first: int, bits: int) -> np.ndarray:
        """int64 [2 << bits]: thresholds reached in each of 2**bits segments, below the threshold inside, then above it."""
        starts = self.origin + (first + np.arange(1 << bits) << self.low_bits)
        return np.searchsorted(self.thresholds, np.concatenate([starts, starts + (1 << self.low_bits) - 1]), side="right")

    @cached_property
    def block(self) -> tuple[int, int]:
        """(first segment, index bits) of the smallest aligned block outside which nothing changes any more."""
        first = (self.thresholds[0] - self.origin) >> self.low_bits
        last = max((self.thresholds[-1] - self.origin - 1) >> self.low_bits, first)
        bits = (first ^ last).bit_length()
        return first >> bits << bits, bits

    @property
    def sliced(self) -> bool:
        """Whether each output is a bit of the index but for what lies outside the block."""
        return bool(self._alone.sliced[0])

    @property
    def luts(self) -> int:
        """An estimate, the columns that a lower origin adds to the sum among them."""
        return int(self._alone.luts[0])

    @property
    def _alone(self) -> _Candidates:
        return _Candidates(np.array(self.thresholds), self.low_bits, self.high, np.array([self.origin]))

    def apply(self, net: Netlist, bits: list[int]) -> list[int]:
        """Literals of the count, from those of accumulator - origin: `width` literals, of which the lowest `shift` are unread."""
        index = bits[self.low_bits:self.width]
        first, size = self.block
        outside = index[size:]
        home, full = first >> size, truth_table.full(len(outside))
        below, above = net.function(outside, (1 << home) - 1), net.function(outside, full ^ (2 << home) - 1)
        reached = compare(net, bits[self.shift:self.low_bits], index[:size],
                          lambda segment: self.inside.get(first + segment, 0) >> self.shift) if self.inside else 0
        inputs, sliced = [*index[:size], reached], self.sliced
        tables = bit_tables(self.counts(first, size), self.outputs)
        return [self._output(net, inputs, size, first, bit, table, outside, below, above, sliced) for bit, table in enumerate(tables)]

    def _output(self, net: Netlist, inputs: list[int], size: int, first: int, bit: int, table: int, outside: list[int], below: int,
                above: int, sliced: bool) -> int:
        greatest = len(self.thresholds) >> bit & 1
        needed = size + (inputs[-1] > 1)
        if needed + len(outside) <= LUT_INPUTS or sliced:
            return net.function([*inputs, *outside], _gated(table, size + 1, len(outside), first >> size, greatest))
        if needed <= LUT_INPUTS - 2:
            return net.function([*inputs, below, above], _limited(table, size + 1, greatest))
        inner = lookup(net, inputs, table)
        if below == 0 and above == 0:
            return inner
        return net.function([inner, below, above], _limited(0b10, 1, greatest))


def _gated(table: int, inputs: int, outside: int, home: int, greatest: int) -> int:
    """A table over `inputs`, then `outside` bits: 0 where those are less than `home`, `greatest` where they are more."""
    size = 1 << inputs
    return sum((0 if value < home else table if value == home else greatest * ((1 << size) - 1)) << value * size
               for value in range(1 << outside))


def _limited(table: int, inputs: int, greatest: int) -> int:
    """A table over `inputs`, then `below` (0 there) and `above` (`greatest` there)."""
    size = 1 << inputs
    return table | (greatest * ((1 << size) - 1)) << 2 * size


@lru_cache(maxsize=4096)
def choose(thresholds: tuple[int, ...], low: int, high: int) -> Activation:
    """The cheapest Activation for reachable ascending thresholds (at least one) on accumulators in low..high."""
    steps, sizes, best = np.array(thresholds, dtype=np.int64), 0, None
    for low_bits in reversed(range((high - low).bit_length() + 1)):
        origins = _legal_origins(steps, low, low_bits)
        if not len(origins):
            continue
        candidates = _Candidates(steps, low_bits, high, _aligned(steps, low_bits, origins))
        place = np.lexsort((-candidates.origins, candidates.luts))[0]
        found = (int(candidates.luts[place]), -low_bits, -int(candidates.origins[place]))
        best, sizes = found if best is None else min(best, found), sizes + 1
        if sizes == 3:
            break
    return Activation(thresholds, -best[2], high, -best[1])


def _legal_origins(thresholds: np.ndarray, low: int, low_bits: int) -> np.ndarray:
    """The greatest origins up to `low` that have a threshold at a segment's start, and no two inside of a segment."""
    size, marks = 1 << low_bits, np.unique(thresholds)
    starts, gaps = np.unique(marks % size), np.diff(marks)
    close = gaps < size - 1
    # Two thresholds are inside of one segment where it starts at 1 to size - 1 - gap before the first of them.
    first, count = (marks[:-1][close] - (size - 1 - gaps[close])) % size, size - 1 - gaps[close]
    edges = np.concatenate([np.searchsorted(starts, first), np.searchsorted(starts, first + count),
                            np.searchsorted(starts, first - size), np.searchsorted(starts, first + count - size)])
    changes = np.repeat([1, -1, 1, -1], len(first))
    covered = np.cumsum(np.bincount(edges, changes, len(starts) + 1))[:-1]
    starts = starts[covered == 0]
    return low - (low - starts) % size


def _aligned(thresholds: np.ndarray, low_bits: int, origins: np.ndarray) -> np.ndarray:
    """The origins, and lower ones by whole segments that bring the changing segments to where a block of them may start."""
    first, last = int(thresholds[0]), int(thresholds[-1])
    span = ((last - 1 >> low_bits) - (first >> low_bits)).bit_length()
    blocks = _Candidates(thresholds, low_bits, last, origins).block_bits
    lower = [origins - ((-(first - origins >> low_bits) & (1 << bits) - 1) + back << low_bits)
             for bits in (blocks, np.full_like(blocks, span), np.full_like(blocks, span + 1)) for back in (0, 1)]
    return np.concatenate([origins, *lower])


class _Candidates:
    """Activations of one size of segments that differ in their `origins`, int64 [N], with what each of them takes, int64 [N]. Each has
    some threshold at a segment's start, so all compare the same `compared` bits: those in which thresholds differ inside of segments."""

    def __init__(self, thresholds: np.ndarray, low_bits: int, high: int, origins: np.ndarray):
        self.thresholds, self.low_bits, self.origins = thresholds, low_bits, origins
        self.outputs = len(thresholds).bit_length()
        uneven = int(np.bitwise_or.reduce(thresholds - thresholds[0])) | 1 << low_bits
        self.compared = low_bits + 1 - (uneven & -uneven).bit_length()
        self.width = np.maximum(1, bit_lengths(high - origins))
        self.index_bits = self.width - low_bits
        self.first = thresholds[0] - origins >> low_bits
        self.block_bits = bit_lengths(self.first ^ np.maximum(thresholds[-1] - origins - 1 >> low_bits, self.first))

    @property
    def luts(self) -> np.ndarray:
        """Estimates of the LUTs, the columns that a lower origin adds to the sum among them."""
        index = np.minimum(self.index_bits, self.block_bits)
        in_turn = np.maximum(1, -(-(self.compared - 1) // np.maximum(1, LUT_INPUTS - 1 - index)))
        at_once = self.compared * np.maximum(1, index - (LUT_INPUTS - 2))
        return np.where((index < 4) & (self.compared > 0), in_turn, at_once) + self._lookup_luts + self.width

    @property
    def _lookup_luts(self) -> np.ndarray:
        compares = self.compared > 0
        inputs, block, outside = self.index_bits + compares, self.block_bits + compares, self.index_bits - self.block_bits
        return np.select(
            [(inputs <= LUT_INPUTS) | self.sliced, block <= LUT_INPUTS - 2, block <= LUT_INPUTS],
            [np.full_like(inputs, self.outputs), self.outputs + 2 * (outside > 1), 2 * self.outputs + 2 * (outside > LUT_INPUTS - 1)],
            self.outputs << np.clip(inputs - LUT_INPUTS, 0, 8),
        )

    @cached_property
    def sliced(self) -> np.ndarray:
        levels = 1 << self.outputs
        if len(np.unique(self.thresholds)) != levels - 1:
            return np.zeros(len(self.origins), dtype=bool)
        second = self.origins + ((self.first >> self.block_bits << self.block_bits) + 1 << self.low_bits)
        return ((self.compared == 0) & (self.block_bits == self.outputs) & (self.index_bits - self.outputs < LUT_INPUTS)
                & (np.searchsorted(self.thresholds, second, side="right") == 1))


def bit_lengths(numbers: np.ndarray) -> np.ndarray:
    """int.bit_length of each of int64 numbers from 0 to 2**53."""
    return np.frexp(numbers)[1].astype(np.int64)


def bit_tables(words: np.ndarray, bits: int) -> list[int]:
    """For each bit of the words the integer whose bit i is that of words[i]."""
    planes = (np.asarray(words) >> np.arange(bits)[:, None] & 1).astype(np.uint8)
    return [int.from_bytes(plane.tobytes(), "little") for plane in np.packbits(planes, axis=1, bitorder="little")]


def compare(net: Netlist, bits: list[int], index: list[int], threshold: Callable[[int], int]) -> int:
    """The literal of `bits` >= threshold(index); 1 or 0 at will where the threshold is 0."""
    size = len(bits)
    values = [threshold(segment) for segment in range(1 << len(index))]
    if len(index) < 4:
        return _compare_in_turn(net, bits, index, values)
    if len(index) >= LUT_INPUTS:
        functions = [((lookup(net, index, table),), 0b01) for table in bit_tables(values, size)]
    else:
        functions = [(tuple(index), table) for table in bit_tables(~np.array(values), size)]
    return net.adder([*bits, 0], [*functions, ((), 0)], 1)[-1]


def _compare_in_turn(net: Netlist, bits: list[int], index: list[int], values: list[int]) -> int:
    """compare() by a chain of LUTs, from the lowest bits up: each takes the answer for those below."""
    answer, position, count = 1, 0, 0
    while position < len(bits):
        room = LUT_INPUTS - len(index) - (answer > 1)
        part = bits[position:position + room]
        table = 0
        for value in range(1 << len(index) + len(part) + 1):
            segment = value & (1 << len(index)) - 1
            word = value >> len(index) & (1 << len(part)) - 1
            wanted = values[segment] >> position & (1 << len(part)) - 1
            table |= (word > wanted or word == wanted and bool(value >> len(index) + len(part))) << value
        answer = net.function([*index, *part, answer], table, delay=(count + 1) % 2)
        position, count = position + len(part), count + 1
    return answer


def lookup(net: Netlist, inputs: list[int], table: int) -> int:
    """A function of any number of inputs: up to eight at once, beyond by multiplexers of the highest."""
    if len(inputs) <= DIRECT_INPUTS:
        return net.function(inputs, table)
    size = 1 << len(inputs) - 2
    parts = [lookup(net, inputs[:-2], table >> part * size & (1 << size) - 1) for part in range(4)]
    return net.function([*inputs[-2:], *parts], sum((value >> 2 + (value & 3) & 1) << value for value in range(64)))
