"""Uneven thresholds made even: where a row reads one value only, the sum may be multiplied before it is compared.

The standardisation in front of a quantiser makes steps of no power of two: 74, 74, 75, 74, ... Each of them inside of a segment of its own
costs a comparison and the look-up of what to compare with (activation.py). For a whole factor and offset with

    factor * sum + offset >= (k + 1) * 2**shift   exactly where   sum >= thresholds[k]

all steps lie at a segment's start, and the count is some bits of the product. Each k allows offsets from (k + 1) * 2**shift - factor *
thresholds[k] on, factor of them, so a factor will do where these ranges have an offset in common. Ties that go to the even level are no such steps; the bit that says whether a level is odd
is added (to_even).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from finn_steps.rtl import activation
from finn_steps.rtl.counts import netlist_counts
from finn_steps.rtl.heap import compress, signed_digits
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.retiming import retimed

MOST_THRESHOLDS = 1 << 12
MOST_SHIFT = 40
TRIED, BUILT = 512, 3
"""Factors of one shift that are looked at, at the most; of all that will do, those with the fewest digits are built and counted."""


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
    """All (factor, offset, shift, None) that were found to do, of the fewest digits first."""
    steps = np.array(thresholds, dtype=np.int64)
    if not 1 < len(steps) <= MOST_THRESHOLDS or steps[0] == steps[-1]:
        return []
    least, most = _slopes(steps)
    found: list[tuple[int, int, int, None]] = []
    for shift in range(1, MOST_SHIFT):
        first, last = int(least * 2.0**shift), int(most * 2.0**shift) + 1
        if last - first > TRIED or (int(np.abs(steps).max()) + 1) * last >> 61:
            break
        found += [(factor, *way) for factor in range(max(2, first), last + 1) if (way := _offset(steps, factor, shift))]
    return sorted(found, key=lambda way: (len(signed_digits(way[0])) + len(signed_digits(way[1])) / 4, way[2]))


def _slopes(steps: np.ndarray) -> tuple[float, float]:
    """Between which a factor / 2**shift must lie, by each pair of thresholds: k - j steps take more than one sum less than their distance,
    and less than one more. To float64's rounding, and no more than where to look."""
    least, most = 0.0, float(len(steps))
    for lag in range(1, len(steps)):
        distance = steps[lag:] - steps[:-lag]
        least = max(least, lag / (int(distance.min()) + 1))
        most = min(most, lag / max(1, int(distance.max()) - 1))
    return least, most


def _offset(steps: np.ndarray, factor: int, shift: int) -> tuple[int, int, None] | None:
    """(offset, shift, None), of the offsets that will do the one with most zeros at its end; None where there is none."""
    least = (np.arange(1, len(steps) + 1, dtype=np.int64) << shift) - factor * steps
    first, last = int(least.max()), int(least.min()) + factor - 1
    if first > last:
        return None
    zeros = next(zeros for zeros in reversed(range(64)) if -(-first >> zeros) << zeros <= last)
    return -(-first >> zeros) << zeros, shift, None
