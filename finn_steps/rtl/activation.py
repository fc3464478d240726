"""Thresholds as logic: from the bits of an accumulator to the bits of the number of thresholds reached."""

from __future__ import annotations

from bisect import bisect_right
from math import gcd

from finn_steps.rtl.netlist import Netlist

LUT_INPUTS = 6
DIRECT_INPUTS = 8


def reachable(thresholds, low: int, high: int) -> tuple[int, list[int]]:
    """How many of a row's thresholds every accumulator in low..high reaches, and those that only some do."""
    return (sum(1 for t in thresholds if t <= low), [int(t) for t in thresholds if low < t <= high])


def alignment(thresholds: list[int], low: int, high: int) -> tuple[int, int]:
    """(origin, shift): the accumulator less `origin` is at least 0, and its lowest `shift` bits decide nothing."""
    step = 0
    for threshold in thresholds[1:]:
        step = gcd(step, threshold - thresholds[0])
    if step == 0:
        half = 1 << (max(thresholds[0] - low, high - thresholds[0] + 1) - 1).bit_length()
        return thresholds[0] - half, half.bit_length() - 1
    shift = (step & -step).bit_length() - 1
    return thresholds[0] - (-(low - thresholds[0]) + (1 << shift) - 1 >> shift << shift), shift


def count_reached(net: Netlist, literals: list[int], thresholds: list[int], outputs: int) -> list[int]:
    """Bits of the number of ascending `thresholds` that the unsigned number `literals` has reached."""
    return [_step(net, literals, thresholds, 0, bit) for bit in range(outputs)]


def _step(net: Netlist, literals: list[int], thresholds: list[int], base: int, bit: int) -> int:
    """Bit `bit` of the count for base + literals, by its highest literals until the rest fits one function."""
    size = len(literals)
    first, last = bisect_right(thresholds, base), bisect_right(thresholds, base + (1 << size) - 1)
    if first == last:
        return first >> bit & 1
    if size <= (DIRECT_INPUTS if base == 0 else LUT_INPUTS):
        table = 0
        for value in range(1 << size):
            table |= (bisect_right(thresholds, base + value) >> bit & 1) << value
        return net.function(literals, table)
    select = 2 if size >= LUT_INPUTS + 2 else 1
    rest = literals[:-select]
    parts = [_step(net, rest, thresholds, base + (part << size - select), bit) for part in range(1 << select)]
    return net.function([*literals[-select:], *parts], _multiplexer(select))


def _multiplexer(select: int) -> int:
    """The table of a multiplexer: `select` address inputs, then 2**select data inputs."""
    inputs = select + (1 << select)
    return sum((value >> select + (value & (1 << select) - 1) & 1) << value for value in range(1 << inputs))
