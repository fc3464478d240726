"""Uneven thresholds made even: where a row reads one value only, the sum may be multiplied before it is compared.

The standardisation in front of a quantiser makes steps of no power of two: 74, 74, 75, 74, ... Each of them inside of a segment of its own
costs a comparison and the look-up of what to compare with (activation.py). For a whole factor and offset with

    factor * sum + offset >= (k + 1) * 2**shift   exactly where   sum >= thresholds[k]

all steps lie at a segment's start, and the count is some bits of the product; scale.py finds the factors. Ties that go to the even level are
no such steps; the bit that says whether a level is odd is added (to_even).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from finn_steps.rtl import activation
from finn_steps.rtl.counts import netlist_counts
from finn_steps.rtl.heap import compress
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.retiming import retimed
from finn_steps.rtl.scale import fewest_digits, offsets, roundest, slopes

BUILT = 3
"""Factors that are built and counted."""
PLAIN = (1, 0, 0, None)
"""The way of thresholds that are compared as they are."""


def reached(net: Netlist, terms: dict[int, int], constant: int, thresholds: tuple[int, ...], low: int, high: int) -> list[int]:
    """Literals of the number of ascending thresholds that the sum of the terms of one value and `constant`, in low..high, reaches."""
    way = cheapest(tuple(terms.values()), constant, thresholds, low, high)
    return applied(net, terms, constant, thresholds, low, high, *way)


def applied(net: Netlist, terms: dict[int, int], constant: int, thresholds: tuple[int, ...], low: int, high: int, factor: int, offset: int,
            shift: int, tie: int | None) -> list[int]:
    """The same by a way of which it is known that it will do: see `factors` and `to_even`."""
    if (factor, tie) != (1, None):
        low, high = (factor * value + offset + (0 if tie is None else value >> tie & 1) for value in (low, high))
        terms = {literal: factor * weight + (weight == 1 << tie if tie is not None else 0) for literal, weight in terms.items()}
        constant, thresholds = factor * constant + offset, tuple((k + 1) << shift for k in range(len(thresholds)))
    chosen = activation.choose(thresholds, low, high)
    return chosen.apply(net, compress(net, terms, constant - chosen.origin, chosen.width, either=True))


@lru_cache(maxsize=4096)
def cheapest(weights: tuple[int, ...], constant: int, thresholds: tuple[int, ...], low: int, high: int) -> tuple[int, int, int, int | None]:
    """(factor, offset, shift, tie) of the fewest LUTs, counted; PLAIN for the thresholds as they are."""
    plain_word = constant == 0 and weights[:-1] == tuple(1 << place for place in range(len(weights) - 1))
    ways = [PLAIN, *([*to_even(thresholds), *factors(thresholds)][:BUILT] if plain_word else factors(thresholds)[:BUILT])]
    return min(ways, key=lambda way: _luts(weights, constant, thresholds, low, high, *way))


def _luts(weights, constant, thresholds, low, high, *way) -> int:
    net = Netlist()
    outputs = applied(net, dict(zip(net.input(len(weights)), weights)), constant, thresholds, low, high, *way)
    stages = retimed(net, outputs, 1)
    last = max((stages[net.driver[literal >> 1]] for literal in outputs if literal > 1), default=0)
    counts = netlist_counts(net, [(literal, last + 1) for literal in outputs], stages)
    return counts["functions"] + counts["columns"] + counts["delays"]


def to_even(thresholds: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """(1, offset, shift, shift) where value + offset + bit `shift` of the value is at least (k + 1) * 2**shift exactly where the value reaches
    thresholds[k]: steps of a power of two, with ties to even. The sum never falls as the value rises, for where the bit does, the value is one more."""
    steps = np.array(thresholds, dtype=np.int64)
    shift = round(np.log2((steps[-1] - steps[0]) / (len(steps) - 1))) if len(steps) > 1 and steps[-1] > steps[0] else 0
    if shift < 1:
        return []
    wanted = np.arange(1, len(steps) + 1, dtype=np.int64) << shift
    at, before = (values + (values >> shift & 1) for values in (steps, steps - 1))
    first, last = int((wanted - at).max()), int((wanted - before).min()) - 1
    return [(1, first, shift, shift)] if first <= last else []


def factors(thresholds: tuple[int, ...]) -> list[tuple[int, int, int, None]]:
    """(factor, offset, shift, None) of the factors of the fewest signed digits that will do (scale.py), shortest shifts first; empty where
    none does."""
    steps = np.array(thresholds, dtype=np.int64)
    if len(steps) < 2 or steps[0] == steps[-1]:
        return []
    limits = slopes(steps - steps[0])
    found = []
    for factor, shift in sorted(fewest_digits(*limits) if limits else [], key=lambda slope: slope[::-1]):
        interval = offsets(steps - steps[0], factor, shift)
        if interval:
            least, greatest = (end - factor * int(steps[0]) for end in interval)
            found.append((factor, roundest(least, greatest), shift, None))
    return found
