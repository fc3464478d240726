"""Thresholds as one multiplication and a shift, where they lie evenly enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

BITS = (15, 31)
"""Of what the multiplication may reach; the fewer, the faster."""
SLOPES = np.linspace(-1, 1, 257)
"""Corrections tried on the distance between the first and the last threshold: where between two integers they lie is not known."""


class Staircase(NamedTuple):
    """The thresholds reached are (clip(accumulator, low, high) - low) * factor + offset >> shift; not a staircase if factor is 0."""

    low: int = 0
    high: int = 0
    factor: int = 0
    offset: int = 0
    shift: int = 0

    @property
    def greatest(self) -> int:
        """Of all that is computed on the way."""
        return (self.high - self.low) * self.factor + self.offset


def staircase(thresholds: np.ndarray) -> Staircase:
    """Of ascending thresholds int64 [n]; exact for every accumulator, since every border is tried."""
    if len(thresholds) == 0:
        return Staircase()
    low, high = int(thresholds[0]) - 1, int(thresholds[-1])
    places = thresholds.astype(np.int64) - low
    for factors, shift in _candidates(places):
        offsets = _offsets(places, factors, shift)
        greatest = places[-1] * factors + offsets
        possible = np.flatnonzero((offsets >= 0) & (greatest < 1 << BITS[-1]))
        if possible.size:
            best = possible[greatest[possible].argmin()]
            return Staircase(low, high, int(factors[best]), int(offsets[best]), shift)
    return Staircase()


def _candidates(places: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """(factors int64 [*], shift) to try: a shift alone, then the mean slope in few and in many bits."""
    step = int(places[1] - places[0]) if len(places) > 1 else 1
    if step and step & step - 1 == 0:
        yield np.ones(1, np.int64), step.bit_length() - 1
    if len(places) == 1 or places[-1] >= 1 << BITS[-1]:
        return
    distance = float(places[-1] - places[0]) + SLOPES
    for bits in BITS:
        shift = bits - (len(places) + 1).bit_length()
        if shift > 0:
            factors = np.rint((len(places) - 1) * 2.0**shift / distance[distance > 0]).astype(np.int64)
            yield np.unique(factors[factors > 0]), shift


def _offsets(places: np.ndarray, factors: np.ndarray, shift: int) -> np.ndarray:
    """int64 [factors]: an offset with which the count is k from the k-th place on and less just before it; -1: there is none."""
    reached = np.arange(1, len(places) + 1)[:, None] << shift
    least = np.maximum(0, (reached - places[:, None] * factors).max(0))
    most = (reached - 1 - (places[:, None] - 1) * factors).min(0)
    return np.where(least <= most, least, -1)
