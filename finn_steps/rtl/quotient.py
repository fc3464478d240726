"""Thresholds as a division: where they are m * acc + c >= k * 2**s (scale.py), by segments of the accumulator and the rest of it.

Above a block that starts at or shortly before the first threshold, the upper bits h of the accumulator look up the count at their segment's
start, and how far the last threshold lies before that. This distance, less than one step, is added to the lower bits: u. Which of the next
thresholds is reached is a matter of u alone: its upper bits look up how many are, and one for which its lower bits are compared with a
threshold. The distance is a fraction, of which only the order among the fractions of the next thresholds matters: a few `ranks`, bits below
those of u. The count is a sum of both look-ups with the comparison as carry. All tables stand in the LUTs of the chains: what a product
(affine.py) takes for each digit of m falls away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from finn_steps.rtl import activation, truth_table
from finn_steps.rtl.activation import LUT_INPUTS, Counting, bit_tables
from finn_steps.rtl.counts import netlist_counts
from finn_steps.rtl.netlist import Netlist

CHAIN_INPUTS = LUT_INPUTS - 1
"""Of a table in the LUT of a chain that takes a bit directly."""


@dataclass(frozen=True)
class Quotient(Counting):
    """The number of `count` thresholds reached is (m * (acc - start) + c) >> s, where that is not less than 0 or more than `count`; for
    accumulators in origin..high, on segments of 2**low_bits. `start`: of the block, 2**(low_bits + index_bits) values."""

    m: int
    c: int
    s: int
    count: int
    start: int
    low: int
    high: int
    low_bits: int
    index_bits: int
    shift: int = 0

    @property
    def size(self) -> int:
        """Bits of a block."""
        return self.low_bits + self.index_bits

    @property
    def home(self) -> int:
        """Blocks below the one in which the count changes."""
        return -((self.low - self.start) >> self.size)

    @property
    def origin(self) -> int:
        return self.start - (self.home << self.size)

    @cached_property
    def starts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(count, distance, fraction) at the start of each segment: whole steps of acc, and what is left of it, in m-ths."""
        products = self.m * (np.arange(1 << self.index_bits, dtype=np.int64) << self.low_bits) + self.c
        count, rest = products >> self.s, products & (1 << self.s) - 1
        return count, rest // self.m, rest % self.m

    @cached_property
    def following(self) -> tuple[np.ndarray, np.ndarray]:
        """(whole, fraction) of u at which the first, second, ... threshold behind a segment's start is reached, of those that some u reaches."""
        reached = (int(self.starts[1].max()) + (1 << self.low_bits)) * self.m >> self.s
        rests = np.arange(1, reached + 1, dtype=np.int64) << self.s
        return rests // self.m, rests % self.m

    @property
    def step_bits(self) -> int:
        """Bits of a part of u in which no two thresholds lie."""
        return ((1 << self.s) // self.m).bit_length() - 1

    @property
    def rest_bits(self) -> int:
        """Bits of the greatest u."""
        return int(self.starts[1].max() + (1 << self.low_bits) - 1).bit_length()

    @cached_property
    def ranks(self) -> np.ndarray:
        """The fractions of the following thresholds in order, each once, without 0."""
        return np.setdiff1d(self.following[1], [0])

    @property
    def fits(self) -> bool:
        """Whether all tables stand in chains."""
        return (self.index_bits <= CHAIN_INPUTS and 0 < self.rest_bits - self.step_bits <= CHAIN_INPUTS and self.step_bits > 0
                and self.width - self.size < LUT_INPUTS - 1)

    def apply(self, net: Netlist, bits: list[int]) -> list[int]:
        """Literals of the count, from those of accumulator - origin: `width` literals. Where the lower bits are complements of signals
        (flip = 1), chains add complements: -1 - number."""
        low, index, outside = bits[:self.low_bits], bits[self.low_bits:self.size], bits[self.size:self.width]
        flip = int(2 * sum(literal & 1 for literal in low) > len(low))
        count, distance, fraction = self.starts
        rest = _sum(net, [literal ^ flip for literal in low], index, -distance - (1 << self.low_bits) if flip else distance, self.rest_bits)
        part = [literal ^ flip for literal in rest[self.step_bits:]]
        reached, last = self._parts(len(part))
        ranks = _looked_up(net, index, np.searchsorted(self.ranks, fraction, side="right") ^ -flip, len(self.ranks).bit_length())
        compared = [*ranks, *rest[:self.step_bits]]
        within = _sum(net, [*compared, 0], part, last if flip else last ^ (1 << len(compared)) - 1, len(compared) + 1, 1 - flip)[-1]
        more = _looked_up(net, part, reached ^ -flip, int(reached.max()).bit_length())
        base = -count - (1 << len(more)) if flip else count - 1
        total = _sum(net, more, index, base, int(count.max() + reached.max()).bit_length(), within)
        return self._limited(net, [literal ^ flip for literal in total], outside)

    def _parts(self, bits: int) -> tuple[np.ndarray, np.ndarray]:
        """For each part of u: how many thresholds are reached at its end, and from which lower bits and rank on (ranks lowest) the last of
        them is; 0 where that lies before the part, or at its very start."""
        whole, fraction = self.following
        ends = np.arange(1, (1 << bits) + 1) << self.step_bits
        reached = np.searchsorted(whole, ends, side="left")
        last = np.maximum(reached - 1, 0)
        rank_bits = len(self.ranks).bit_length()
        ranks = np.searchsorted(self.ranks, fraction[last], side="left") + (fraction[last] > 0)
        own = (reached > 0) & (whole[last] >> self.step_bits == np.arange(1 << bits))
        low = whole[last] & (1 << self.step_bits) - 1
        return reached, np.where(own, (low << rank_bits) + ranks, 0)

    def _limited(self, net: Netlist, total: list[int], outside: list[int]) -> list[int]:
        """`total`, at most `count`; 0 below the block, `count` above."""
        value, over = total[:self.outputs], total[self.outputs:]
        if self.count < (1 << self.outputs) - 1:
            over = [activation.lookup(net, total, truth_table.full(len(total)) ^ (2 << self.count) - 1)]
        elif len(over) + len(outside) >= LUT_INPUTS:
            over = [net.function(over, (1 << (1 << len(over))) - 2)]
        found = []
        for place, bit in enumerate(value):
            greatest = self.count >> place & 1
            table = 0
            for number in range(1 << 1 + len(over) + len(outside)):
                block = number >> 1 + len(over)
                too_many = block > self.home or block == self.home and number >> 1 & (1 << len(over)) - 1
                table |= (0 if block < self.home else greatest if too_many else number & 1) << number
            found.append(net.function([bit, *over, *outside], table))
        return found

    @cached_property
    def luts(self) -> int:
        """Of all of it, and the columns of the sum, as Activation.luts."""
        net = Netlist()
        counts = netlist_counts(net, [(literal, 0) for literal in self.apply(net, net.input(self.width))], [0] * len(net.nodes))
        return counts["functions"] + counts["columns"] + self.width


def _sum(net: Netlist, word: list[int], index: list[int], table: np.ndarray, width: int, carry: int = 0) -> list[int]:
    """Signals of (word + table[index] + carry) mod 2**width, looked up in the LUTs of the chain."""
    word = [net.inverter(literal) if literal & 1 and literal > 1 else literal for literal in word]
    return net.adder([*word, *[0] * (width - len(word))], [(tuple(index), bits) for bits in bit_tables(table, width)], carry)


def _looked_up(net: Netlist, index: list[int], table: np.ndarray, bits: int) -> list[int]:
    """Literals of table[index]."""
    return [net.function(index, column) for column in bit_tables(table, bits)]


def quotients(steps: np.ndarray, m: int, c: int, s: int, low: int, high: int) -> list[Quotient]:
    """Of the slope m / 2**s, ascending thresholds `steps` above `low` and m * step + c >= k << s where the k-th is reached: by the sizes of
    segments that fit."""
    start = int(steps[0])
    size = max(1, (int(steps[-1]) - start).bit_length())
    found = []
    for index_bits in range(1, min(CHAIN_INPUTS, size - 1) + 1):
        one = Quotient(m, c + m * start, s, len(steps), low + start, low, high, size - index_bits, index_bits)
        if one.fits:
            found.append(one)
    return found
