"""Exact rationals, intervals of them, and what stands around an operator: a chain of monotone steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, isqrt

import numpy as np

Interval = tuple[Fraction, Fraction]
"""From the least to the greatest value that a number may have; both the same where it is known."""
UNIT = Fraction(1001, 1000) / 2**24
"""u of float32, with room for products of roundings."""
ROOT_BITS = 200


@dataclass(frozen=True)
class Step:
    """A monotone piece of an operator: `run` takes an interval and the number of the channel.

    node     the operator's name and type, for messages
    rounds   in floats its result is rounded, by u of its size (of `size`, if given)
    levels   what comes out are whole numbers, few of them: a quantiser
    affine   factor * x + amount
    wraps    not monotone, but where it begins again: the steps in front of it are
    """

    node: str
    run: Callable[[Interval, int], Interval]
    rounds: bool = False
    levels: bool = False
    affine: bool = False
    wraps: bool = False
    size: Callable[[Interval, int], Fraction] | None = None


def rational(values) -> np.ndarray:
    """object array of Fraction, the very numbers that an array of floats or integers holds."""
    array = np.asarray(values)
    kind = int if array.dtype.kind in "iub" or "int" in array.dtype.name else float
    return np.array([Fraction(kind(value)) for value in array.reshape(-1)], dtype=object).reshape(array.shape)


def run(steps, interval: Interval, channel: int, floats: bool = False) -> Interval:
    """Through all steps; with `floats`, as far as float32 may be off."""
    for step in steps:
        before, interval = interval, step.run(interval, channel)
        if floats and step.rounds:
            interval = widened(interval, step.size(before, channel) if step.size else None)
    return interval


def widened(interval: Interval, size: Fraction | None = None) -> Interval:
    """By a rounding to float32; a number that float32 holds is not rounded, if no greater one was on the way."""
    low, high = interval
    if size is None and low == high and is_float32(low):
        return interval
    margin = UNIT * (max(abs(low), abs(high)) if size is None else size)
    return low - margin, high + margin


def is_float32(value: Fraction) -> bool:
    return Fraction(float(np.float32(float(value)))) == value


def product(a: Interval, b: Interval) -> Interval:
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


def root(value: Fraction) -> Interval:
    """The square root, exact or within 2**-ROOT_BITS of 1."""
    scaled = (value.numerator * value.denominator) << 2 * ROOT_BITS
    low, unit = isqrt(scaled), Fraction(1, value.denominator << ROOT_BITS)
    return low * unit, (low if low * low == scaled else low + 1) * unit


def scaled(node: str, factors: list[Interval]) -> list[Step]:
    """x * factor, by channel; nothing where all factors are 1."""
    if all(factor == (1, 1) for factor in factors):
        return []
    return [Step(node, lambda x, c: product(x, factors[c]), rounds=True, affine=True)]


def moved(node: str, amounts: list[Fraction]) -> list[Step]:
    """x + amount, by channel; nothing where all are 0."""
    if not any(amounts):
        return []
    return [Step(node, lambda x, c: (x[0] + amounts[c], x[1] + amounts[c]), rounds=True, affine=True)]


def off(node: str, roundings: int) -> Step:
    """What an operator computes with rounded factors of its own."""
    return Step(node, lambda x, c: x, rounds=True, affine=True, size=lambda x, c: roundings * max(abs(x[0]), abs(x[1])))


def monotone(node: str, function: Callable[[Fraction, int], Fraction], **facts) -> Step:
    """Any function (value, channel) that ascends."""
    return Step(node, lambda x, c: (function(x[0], c), function(x[1], c)), **facts)


def wrapping(node: str, moduli: list[Fraction], floored: bool) -> Step:
    """x modulo a number, by channel, with the sign of x, or `floored`: with that of the number, which is above 0."""
    def one(x: Fraction, m: Fraction) -> Fraction:
        rest = abs(x) % m
        return x % m if floored else rest if x >= 0 else -rest

    def wrapped(x: Interval, c: int) -> Interval:
        (low, high), m = x, moduli[c]
        turns = {floor(end / m) if floored or end >= 0 else ceil(end / m) for end in x}
        if len(turns) == 1:
            return one(low, m), one(high, m)
        most = m - 1 if all(end.denominator == 1 for end in (low, high, m)) else m
        return Fraction(0) if floored or low >= 0 else -most, Fraction(0) if not floored and high <= 0 else most
    return Step(node, wrapped, wraps=True)


def half_even(x: Fraction) -> int:
    return round(x)


def half_up(x: Fraction) -> int:
    """Half away from zero."""
    return floor(x + Fraction(1, 2)) if x >= 0 else -floor(-x + Fraction(1, 2))


def half_down(x: Fraction) -> int:
    """Half towards zero."""
    return ceil(x - Fraction(1, 2)) if x >= 0 else -ceil(-x - Fraction(1, 2))


ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "ROUND": half_even, "HALF_EVEN": half_even, "CEIL": ceil, "FLOOR": floor, "UP": lambda x: ceil(x) if x >= 0 else floor(x),
    "DOWN": int, "HALF_UP": half_up, "HALF_DOWN": half_down,
}
