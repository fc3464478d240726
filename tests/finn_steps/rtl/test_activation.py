"""Activations chosen by arrays of candidates against all of them one by one; work that does not grow with levels."""

from __future__ import annotations

import sys
from bisect import bisect_right

import numpy as np
import pytest

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl import activation
from finn_steps.rtl.activation import LUT_INPUTS, Activation
from finn_steps.rtl.answer import answer_of
from finn_steps.rtl.folded_activation import choose_activation


@pytest.mark.parametrize("seed", range(40))
def test_the_cheapest_of_all_candidates(seed):
    rng = np.random.default_rng(seed)
    low, count = int(rng.integers(-300, 10)), int(rng.choice([1, 2, 3, 7, 15, 20, 31]))
    high = low + int(rng.integers(1, [50, 500, 5000][seed // 3 % 3]))
    if seed % 3:
        thresholds = low + (np.arange(count) << int(rng.integers(0, 7))) + int(rng.integers(1, high - low + 1))
    else:
        thresholds = np.sort(rng.integers(low - 20, high + 20, count))
    reachable = activation.reachable(thresholds, low, high)[1]
    if reachable:
        least = low - int(rng.integers(0, 50))
        assert activation.choose(reachable, least, high) == plain_choice(reachable, least, high)


def plain_choice(thresholds: tuple[int, ...], low: int, high: int) -> Activation:
    found: list[Activation] = []
    for low_bits in reversed(range((high - low).bit_length() + 1)):
        for mark in sorted(set(thresholds)):
            size = 1 << low_bits
            one = Activation(thresholds, mark - -(-(mark - low) // size) * size, high, low_bits)
            if legal(one):
                found.append(one)
                span = ((thresholds[-1] - 1 >> low_bits) - (thresholds[0] >> low_bits)).bit_length()
                for bits in {one.block[1], span, span + 1}:
                    extra = -(thresholds[0] - one.origin >> low_bits) % (1 << bits)
                    found += [Activation(thresholds, one.origin - (extra + back << low_bits), high, low_bits) for back in (0, 1)]
        if len({one.low_bits for one in found}) >= 3:
            break
    return min(found, key=lambda one: (luts(one), -one.low_bits, -one.origin))


def legal(one: Activation) -> bool:
    inside = {t for t in one.thresholds if (t - one.origin) % (1 << one.low_bits)}
    return len({(t - one.origin) >> one.low_bits for t in inside}) == len(inside)


def luts(one: Activation) -> int:
    compared = one.low_bits - one.shift if one.inside else 0
    index = min(one.index_bits, one.block[1])
    if compared and index < 4:
        compared = max(1, -(-(compared - 1) // (LUT_INPUTS - 1 - index)))
    elif index >= LUT_INPUTS:
        compared *= 1 + index - (LUT_INPUTS - 1)
    return compared + lookup_luts(one) + one.width


def lookup_luts(one: Activation) -> int:
    inputs, block, outside = one.index_bits + bool(one.inside), one.block[1] + bool(one.inside), one.index_bits - one.block[1]
    if inputs <= LUT_INPUTS or is_sliced(one):
        return one.outputs
    if block <= LUT_INPUTS - 2:
        return one.outputs + 2 * (outside > 1)
    if block <= LUT_INPUTS:
        return 2 * one.outputs + 2 * (outside > LUT_INPUTS - 1)
    return one.outputs << min(inputs - LUT_INPUTS, 8)


def is_sliced(one: Activation) -> bool:
    levels, second = 1 << one.outputs, one.origin + (one.block[0] + 1 << one.low_bits)
    return (not one.inside and len(one.thresholds) == len(set(one.thresholds)) == levels - 1 and one.block[1] == one.outputs
            and one.index_bits - one.outputs < LUT_INPUTS and bisect_right(one.thresholds, second) == 1)


def layer_of(levels: int, rows: int = 4) -> SparseLayer:
    """Neurons whose thresholds are at irregular places over all of their range."""
    rng = np.random.default_rng(levels)
    weights = rng.integers(1, 100, (rows, 8))
    greatest = 255 * weights.sum(1)
    thresholds = np.sort([rng.choice(np.arange(1, high), levels - 1, replace=False) for high in greatest], axis=1)
    return SparseLayer("layer", weights, np.zeros(rows), thresholds, "UINT8", f"UINT{(levels - 1).bit_length()}")


def calls(function) -> int:
    """How many functions, of Python and of C, are called while `function` works."""
    count = 0

    def called(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("work", [
    lambda layer: [answer_of(layer, row, 0, int(layer.accumulator_max[row]), 0) for row in range(layer.MH)],
    choose_activation,
    lambda layer: choose_activation(layer).body(np.arange(layer.MH), "u", "acc", "beat", "y")[0],
], ids=["answers", "choice", "folded"])
def test_many_levels_take_no_more_calls(work):
    """From 4 bits to 10, 64 times as many thresholds; the sizes of segments that are tried grow with the bits."""
    few, many = (calls(lambda layer=layer_of(levels): work(layer)) for levels in (16, 1024))
    assert many < 3 * few
