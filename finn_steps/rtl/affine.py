"""Thresholds as a product: where constants as in scale.py exist, what segments (activation.py) compare and look up is multiplied,
shifted and limited. Pays where there are many levels: a table of the upper bits doubles with each of them, a product grows by a digit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from finn_steps.rtl import activation, truth_table
from finn_steps.rtl.activation import LUT_INPUTS, Activation, Counting
from finn_steps.rtl.counts import netlist_counts
from finn_steps.rtl.heap import best_plan, compress
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.quotient import Quotient, quotients
from finn_steps.rtl.scale import fewest_digits, offsets, roundest, slopes

FEW = 31
"""Thresholds up to which segments are hardly dearer than the best product or division."""
PRICED = 6
"""Slopes of which the products are planned, those of the shortest shifts."""


@dataclass(frozen=True)
class Affine(Counting):
    """The number of `count` thresholds reached is (m * (acc - origin) + c) >> s, where that is not less than 0 or more than `count`; for
    accumulators in origin..high."""

    m: int
    c: int
    s: int
    count: int
    origin: int
    high: int
    shift: int = 0

    @property
    def home(self) -> int:
        """As many times 2**outputs is added to the shifted product, so that it never is negative."""
        return -(self.c >> self.s + self.outputs)

    @property
    def constant(self) -> int:
        return self.c + (self.home << self.s + self.outputs)

    @property
    def greatest(self) -> int:
        """The greatest product."""
        return self.m * (self.high - self.origin) + self.constant

    def apply(self, net: Netlist, bits: list[int]) -> list[int]:
        """Literals of the count, from those of accumulator - origin: `width` literals."""
        terms, constant = self._terms(bits[:self.width])
        product = compress(net, terms, constant, max(self.s + self.outputs, self.greatest.bit_length()))[self.s:]
        return self._limited(net, product[:self.outputs], product[self.outputs:])

    @cached_property
    def luts(self) -> int:
        """Of the product, by its plan, and of what limits it; and the columns that a lower origin adds to the sum."""
        net = Netlist()
        terms, constant = self._terms(net.input(self.width))
        width = max(self.s + self.outputs, self.greatest.bit_length())
        product = best_plan(net, terms, constant, width, accumulate=False).luts
        bits = net.input(width - self.s)
        limited = self._limited(net, bits[:self.outputs], bits[self.outputs:])
        return product + netlist_counts(net, [(literal, 0) for literal in limited], [0] * len(net.nodes))["functions"] + self.width

    def _terms(self, bits: list[int]) -> tuple[dict[int, int], int]:
        """(m * bits, constant), complemented bits as what they are complements of."""
        terms: dict[int, int] = {}
        constant = self.constant
        for place, literal in enumerate(bits):
            weight = self.m << place
            constant += weight * (literal & 1)
            if literal > 1:
                terms[literal & ~1] = terms.get(literal & ~1, 0) + (-weight if literal & 1 else weight)
        return {literal: weight for literal, weight in terms.items() if weight}, constant

    def _limited(self, net: Netlist, value: list[int], outside: list[int]) -> list[int]:
        """`value` where `outside` is `home`; 0 where that is less, `count` where it is more."""
        exceeds = self.count < (1 << self.outputs) - 1 and self.greatest >> self.s > self.count + (self.home << self.outputs)
        if not exceeds and len(outside) < LUT_INPUTS:
            return [net.function([bit, *outside], _limits(len(outside), self.home, self.count >> place & 1))
                    for place, bit in enumerate(value)]
        below = net.function(outside, (1 << self.home) - 1)
        if exceeds:
            bits, least = [*value, *outside], self.count + (self.home << self.outputs)
        else:
            bits, least = outside, self.home + 1
        above = activation.lookup(net, bits, truth_table.full(len(bits)) ^ (1 << least) - 1)
        return [net.function([bit, below, above], 0b11110010 if self.count >> place & 1 else 0b00000010) for place, bit in enumerate(value)]


def _limits(outside: int, home: int, greatest: int) -> int:
    """A table over a bit and `outside` more: the bit where those are `home`, 0 where they are less, `greatest` where they are more."""
    return sum((0b10 if value == home else 0b11 * greatest if value > home else 0) << 2 * value for value in range(1 << outside))


@lru_cache(maxsize=4096)
def choose(thresholds: tuple[int, ...], low: int, high: int) -> Activation | Affine | Quotient:
    """The cheapest way for reachable ascending thresholds (at least one) on accumulators in low..high."""
    ways: list = [activation.choose(thresholds, low, high)]
    if len(thresholds) > FEW:
        products = affines(thresholds, low, high)
        steps = np.array(thresholds, dtype=np.int64) - low
        ways += [*products, *(one for product in products for one in quotients(steps, product.m, product.c, product.s, low, high))]
    return min(ways, key=lambda one: one.luts)


def affines(thresholds: tuple[int, ...], low: int, high: int) -> list[Affine]:
    """Products of the fewest digits, at most PRICED; none where no constants reproduce the thresholds."""
    steps = np.array(thresholds, dtype=np.int64) - low
    limits = slopes(steps)
    found = fewest_digits(*limits) if limits else []
    intervals = [(m, s, offsets(steps, m, s)) for m, s in sorted(found, key=lambda slope: slope[::-1])[:PRICED]]
    return [Affine(m, roundest(*interval), s, len(steps), low, high) for m, s, interval in intervals if interval]
