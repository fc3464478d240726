"""Bit-serial rows: words come one bit a cycle, the lowest first, so that a shift is a delay, and any digit of a weight may enter a
row's adder in a higher column if it enters so many cycles earlier.

The chain that accumulates takes five bits in three columns (heap.py: three of a column, two of the next), whatever their weights
are; but 4-bit weights have digits in three or four columns only, where a row's accumulator is eight wide and more. With a
few cycles of delay the digits are spread evenly over all of its columns, and most rows need no adder but their accumulator: a fifth
fewer LUTs than bit planes for the network of docs/benchmarks.md. An adder of two operands takes a LUT more for each digit.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

from finn_steps.rtl.heap import best_plan, signed_digits
from finn_steps.rtl.lut_sizes import FF_IN_LUTS
from finn_steps.rtl.netlist import Netlist

DELAYS = (2, 4, 6, 9, 12)
"""The most delay that is tried: with more, an accumulator only gets wider."""
LONG = 64
"""Rows of more digits fill several adders' columns as they are, and gain nothing from delays."""
PATTERNS = (((3, 2, 0), 0), ((3, 2, 0), 1), ((6, 4, 0), 0), ((9, 6, 0), 0))
"""Digits for each of three columns, in turn, and one more in the lowest for the carry-in; the least LUTs of them are taken."""

Digit = tuple[int, int, int]
"""(column, element, sign)."""


@dataclass(frozen=True)
class RowTerms:
    """terms: (element, age, weight): the bit of an element that was read `age` cycles ago, times `weight`. The row adds for `delay`
    cycles longer than bits are read, and its sum comes out times 2**delay."""

    terms: tuple[tuple[int, int, int], ...]
    delay: int = 0


@lru_cache(maxsize=4096)
def row_terms(weights: tuple[int, ...], room: int) -> RowTerms:
    """The weights of a row as they enter its accumulator, with at most `room` cycles of delay: for the least area."""
    whole = RowTerms(tuple((element, 0, weight) for element, weight in enumerate(weights) if weight))
    if room <= 0:
        return whole
    digits = sorted((column, element, -1 if (weight < 0) ^ negative else 1) for element, _, weight in whole.terms
                    for column, negative in signed_digits(abs(weight)))
    if not 2 <= len(digits) <= LONG:
        return whole
    rooms = [delay for delay in DELAYS if delay <= room]
    found = dict.fromkeys([whole, *(_delayed(_spread(digits, most, *pattern)) for most in rooms for pattern in PATTERNS)])
    return min(found, key=lambda row: (_luts(row) + FF_IN_LUTS * row.delay, row.delay))


def _spread(digits: list[Digit], room: int, pattern: tuple[int, ...], carry: int) -> list[tuple[Digit, int]]:
    """Each digit with the column that it enters: its own, or one of the `room` above it. Filled from the lowest up."""
    left, placed = list(digits), []
    lowest = column = digits[0][0]
    while left:
        count = pattern[(column - lowest) % len(pattern)] + (carry if column == lowest else 0)
        ready = [digit for digit in left if digit[0] <= column]
        if carry and column == lowest:
            ready.sort(key=lambda digit: -digit[2])
        taken = ready[:count] + [digit for digit in ready[count:] if digit[0] + room == column]
        placed += [(digit, column) for digit in taken]
        left = [digit for digit in left if digit not in taken]
        column += 1
    return placed


def _delayed(placed: list[tuple[Digit, int]]) -> RowTerms:
    """The highest a digit was moved up is the delay: that one enters when it is read, one that stayed so many cycles later."""
    delay = max(column - digit[0] for digit, column in placed)
    terms: dict[tuple[int, int], int] = defaultdict(int)
    for (own, element, sign), column in placed:
        terms[element, delay - (column - own)] += sign << column
    return RowTerms(tuple((*place, weight) for place, weight in terms.items() if weight), delay)


@lru_cache(maxsize=4096)
def _luts(row: RowTerms) -> int:
    net = Netlist()
    terms = dict(zip(net.input(len(row.terms)), (weight for *_, weight in row.terms)))
    negative = -sum(weight for weight in terms.values() if weight < 0)
    greatest = sum(abs(weight) for weight in terms.values())
    return best_plan(net, terms, negative, (2 * greatest).bit_length(), accumulate=True).luts
