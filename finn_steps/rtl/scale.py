"""Thresholds as one multiplication: the constants of the fewest signed digits with (m * x + c) >> s = number of thresholds reached.

They reproduce thresholds t[1] <= ... <= t[n] where, for all k, m * t[k] + c >= k << s > m * (t[k] - 1) + c. So m / 2**s lies between two
fractions that the thresholds give, and every such m and s has an interval of c; where nothing lies between the fractions there are no
constants at all. Both are found exactly, in integers.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, log2

import numpy as np

MOST_DIGITS = 10
"""Where so many do not suffice, other ways are cheaper."""
MOST_BITS = 61
"""Of a product of int64; more levels on wider accumulators are not asked for."""


def slopes(steps: np.ndarray) -> tuple[Fraction, Fraction] | None:
    """The fractions between which m / 2**s must lie, both left out, for ascending `steps` from 0 up, at least two; None where nothing lies
    between them, or products have more than MOST_BITS."""
    if len(steps).bit_length() + int(steps[-1]).bit_length() > MOST_BITS:
        return None
    least, greatest = _least_slope(steps), _greatest_slope(steps)
    if greatest is None:
        return least, 2 * least + 2
    return (least, greatest) if least < greatest else None


def _least_slope(steps: np.ndarray) -> Fraction:
    """The greatest of (k - j) / (t[k] - t[j] + 1) for j <= k: from one such fraction to a greater one, until there is none."""
    k, found = np.arange(len(steps)), Fraction(0)
    while True:
        p, q = found.numerator, found.denominator
        before = q * k - p * (steps - 1)
        excess = q * k - p * steps - np.minimum.accumulate(before)
        place = int(np.argmax(excess))
        if excess[place] <= 0:
            return found
        first = int(np.argmin(before[: place + 1]))
        found = Fraction(place - first, int(steps[place] - steps[first]) + 1)


def _greatest_slope(steps: np.ndarray) -> Fraction | None:
    """The least of (k - j) / (t[k] - 1 - t[j]) for j < k and such positive differences, in the same way; None without any."""
    if steps[-1] - 1 <= steps[0]:
        return None
    k, found = np.arange(len(steps)), Fraction(len(steps) - 1, int(steps[-1] - 1 - steps[0]))
    while True:
        p, q = found.numerator, found.denominator
        before = q * k - p * steps
        room = (q * k - p * (steps - 1))[1:] - np.maximum.accumulate(before)[:-1]
        place = int(np.argmin(room)) + 1
        if room[place - 1] >= 0:
            return found
        first = int(np.argmax(before[:place]))
        found = Fraction(place - first, int(steps[place] - 1 - steps[first]))


def offsets(steps: np.ndarray, m: int, s: int) -> tuple[int, int] | None:
    """The least and the greatest c; None where there is none, or products have more than MOST_BITS."""
    if m.bit_length() + int(steps[-1]).bit_length() > MOST_BITS or len(steps).bit_length() + s > MOST_BITS:
        return None
    k = np.arange(1, len(steps) + 1) << s
    least, greatest = int((k - m * steps).max()), int((k - m * (steps - 1)).min()) - 1
    return (least, greatest) if least <= greatest else None


def roundest(least: int, greatest: int) -> int:
    """The integer in least..greatest that the greatest power of two divides, the first of several; 0 if it is there."""
    if least <= 0 <= greatest:
        return 0
    place = 0
    while -(-least >> place + 1) << place + 1 <= greatest:
        place += 1
    return -(-least >> place) << place


def fewest_digits(low: Fraction, high: Fraction) -> list[tuple[int, int]]:
    """All (m, s), m odd or s zero, with low < m / 2**s < high, low >= 0, and the fewest signed digits; none where MOST_DIGITS do not
    suffice. Where low is 0, of those of one digit only the greatest."""
    for digits in range(1, MOST_DIGITS + 1):
        found = _sums_of_digits(low, high, digits, ceil(log2(high)) + 1)
        if found:
            return [(number.numerator, number.denominator.bit_length() - 1) for number in sorted(set(found))]
    return []


def _sums_of_digits(low: Fraction, high: Fraction, digits: int, top: int) -> list[Fraction]:
    """Numbers between low and high of so many signed digits, no two adjacent, the first at most 2**top: what can follow a digit is less
    than a third of it. Either low >= 0 or high <= 0."""
    sign = 1 if low >= 0 else -1
    least, greatest = sorted((abs(low), abs(high)))
    reach = Fraction(1, 3) if digits > 1 else 0
    lowest = floor(log2(least / (1 + reach))) if least else ceil(log2(greatest)) - 1
    found = []
    for exponent in range(lowest, min(top, ceil(log2(greatest / (1 - reach)))) + 1):
        digit = Fraction(2) ** exponent
        if digit * (1 + reach) <= least or digit * (1 - reach) >= greatest:
            continue
        if digits == 1:
            found.append(sign * digit)
        else:
            first = sign * digit
            rest = _sums_of_digits(low - first, high - first, digits - 1, exponent - 2) if _one_sided(low, high, first) else []
            found += [first + number for number in rest]
    return found


def _one_sided(low: Fraction, high: Fraction, digit: Fraction) -> bool:
    """Whether digit is not between low and high: it would do alone."""
    return not low < digit < high
