"""Thresholds as logic: from the bits of an accumulator to the bits of the number of thresholds reached.

The accumulator less an origin is cut into segments of 2**low_bits values, so small that no segment holds two thresholds inside.
The upper bits, the segment's index, look up the count at the segment's start and what it becomes above the one threshold inside;
the lower bits are compared with that threshold, itself looked up in the LUTs of the comparing carry chain. Thresholds at a
segment's start cost nothing, so evenly spaced ones of a power of two need no comparison. The origin is free (a constant in
the sum): it is chosen, with the segments' size, for the least number of LUTs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from finn_steps.rtl.netlist import Netlist

LUT_INPUTS = 6
DIRECT_INPUTS = 8


def reachable(thresholds, low: int, high: int) -> tuple[int, list[int]]:
    """How many of a row's thresholds every accumulator in low..high reaches, and those that only some do."""
    return (sum(1 for t in thresholds if t <= low), [int(t) for t in thresholds if low < t <= high])


@dataclass(frozen=True)
class Activation:
    """Ascending `thresholds` on an accumulator in origin..high, in segments of 2**low_bits."""

    thresholds: tuple[int, ...]
    origin: int
    high: int
    low_bits: int

    @property
    def width(self) -> int:
        """Bits of the greatest accumulator less origin."""
        return max(1, (self.high - self.origin).bit_length())

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

    @property
    def outputs(self) -> int:
        return len(self.thresholds).bit_length()

    def count(self, segment: int, above: int) -> int:
        """Thresholds reached in a segment, below (0) or above (1) the threshold inside."""
        start = self.origin + (segment << self.low_bits)
        return bisect_right(self.thresholds, start + ((1 << self.low_bits) - 1 if above else 0))

    @cached_property
    def block(self) -> tuple[int, int]:
        """(first segment, index bits) of the smallest aligned block outside which nothing changes any more."""
        first = (self.thresholds[0] - self.origin) >> self.low_bits
        last = max((self.thresholds[-1] - self.origin - 1) >> self.low_bits, first)
        bits = (first ^ last).bit_length()
        return first >> bits << bits, bits

    @property
    def legal(self) -> bool:
        distinct = {t for t in self.thresholds if (t - self.origin) % (1 << self.low_bits)}
        return len({(t - self.origin) >> self.low_bits for t in distinct}) == len(distinct)

    @property
    def luts(self) -> int:
        """An estimate of the LUTs, the columns that a lower origin adds to the sum among them."""
        compared = self.low_bits - self.shift if self.inside else 0
        index = min(self.index_bits, self.block[1])
        if compared and index < 4:
            per_lut = LUT_INPUTS - 1 - index
            compared = max(1, -(-(compared - 1) // per_lut))
        elif index >= LUT_INPUTS:
            compared *= 1 + index - (LUT_INPUTS - 1)
        return compared + self._lookup_luts + self.width

    @property
    def _lookup_luts(self) -> int:
        inputs, block = self.index_bits + bool(self.inside), self.block[1] + bool(self.inside)
        if inputs <= LUT_INPUTS or self._sliced:
            return self.outputs
        outside = self.index_bits - self.block[1]
        if block <= LUT_INPUTS - 2:
            return self.outputs + 2 * (outside > 1)
        if block <= LUT_INPUTS:
            return 2 * self.outputs + 2 * (outside > LUT_INPUTS - 1)
        return self.outputs << min(inputs - LUT_INPUTS, 8)

    @property
    def _sliced(self) -> bool:
        """Whether each output is a bit of the index but for what lies outside the block."""
        levels = 1 << self.outputs
        return (not self.inside and len(self.thresholds) == levels - 1 and self.block[1] == self.outputs
                and self.index_bits - self.outputs < LUT_INPUTS and self.count(self.block[0] + 1, 0) == 1
                and len(set(self.thresholds)) == levels - 1)

    def apply(self, net: Netlist, bits: list[int]) -> list[int]:
        """Literals of the count, from those of accumulator - origin: `width` literals, of which the lowest `shift` are unread."""
        index = bits[self.low_bits:self.width]
        first, size = self.block
        outside = index[size:]
        below = net.function(outside, sum(1 << value for value in range(1 << len(outside)) if value < first >> size))
        above = net.function(outside, sum(1 << value for value in range(1 << len(outside)) if value > first >> size))
        reached = compare(net, bits[self.shift:self.low_bits], index[:size],
                          lambda segment: self.inside.get(first + segment, 0) >> self.shift) if self.inside else 0
        inputs = [*index[:size], reached]
        return [self._output(net, inputs, size, first, bit, outside, below, above) for bit in range(self.outputs)]

    def _output(self, net: Netlist, inputs: list[int], size: int, first: int, bit: int, outside: list[int], below: int,
                above: int) -> int:
        greatest = len(self.thresholds) >> bit & 1
        table = 0
        for value in range(1 << size + 1):
            table |= (self.count(first + (value & (1 << size) - 1), value >> size) >> bit & 1) << value
        needed = size + (inputs[-1] > 1)
        if needed + len(outside) <= LUT_INPUTS or self._sliced:
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


def choose(thresholds: list[int], low: int, high: int) -> Activation:
    """The cheapest Activation for reachable ascending thresholds (at least one) on accumulators in low..high."""
    found: list[Activation] = []
    greatest = (high - low).bit_length()
    marks = sorted(set(thresholds))
    for low_bits in reversed(range(greatest + 1)):
        size = 1 << low_bits
        for mark in marks:
            candidate = Activation(tuple(thresholds), mark - (mark - low + size - 1) // size * size, high, low_bits)
            if not candidate.legal:
                continue
            found.append(candidate)
            extra = (((thresholds[0] - candidate.origin) >> low_bits) % (1 << candidate.block[1]))
            span = ((thresholds[-1] - 1 >> low_bits) - (thresholds[0] >> low_bits)).bit_length()
            for bits in {candidate.block[1], span, span + 1}:
                extra = -(thresholds[0] - candidate.origin >> low_bits) % (1 << bits)
                for back in (0, 1):
                    found.append(Activation(tuple(thresholds), candidate.origin - (extra + back << low_bits), high, low_bits))
        if len({a.low_bits for a in found}) >= 3:
            break
    return min(found, key=lambda a: (a.luts, -a.low_bits, -a.origin))


def compare(net: Netlist, bits: list[int], index: list[int], threshold: Callable[[int], int]) -> int:
    """The literal of `bits` >= threshold(index); 1 or 0 at will where the threshold is 0."""
    size = len(bits)
    values = [threshold(segment) for segment in range(1 << len(index))]
    if len(index) < 4:
        return _compare_in_turn(net, bits, index, values)
    if len(index) >= LUT_INPUTS:
        tables = [sum((value >> bit & 1) << segment for segment, value in enumerate(values)) for bit in range(size)]
        functions = [((lookup(net, index, table),), 0b01) for table in tables]
    else:
        tables = [sum((~value >> bit & 1) << segment for segment, value in enumerate(values)) for bit in range(size)]
        functions = [(tuple(index), table) for table in tables]
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
