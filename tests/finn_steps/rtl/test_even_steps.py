"""Uneven thresholds by a product: right for every sum, and cheaper than comparing where it is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl import even_steps
from finn_steps.rtl.even_steps import factors, to_even
from finn_steps.rtl.unrolled import unrolled_core
from tests.finn_steps.rtl.core_simulation import simulate


def standardised(rng, bits: int, levels: int) -> np.ndarray:
    """Thresholds of a rounding with a step of no power of two, as standardisation makes them."""
    step, middle = 2.0**bits / levels * rng.uniform(0.3, 1.5), rng.uniform(-1, 1) * 2 ** (bits - 3)
    return np.ceil(middle + (np.arange(levels - 1) - levels / 2 + 0.5) * step).astype(np.int64)


@pytest.mark.parametrize("seed", range(20))
def test_factors_reach_each_threshold_exactly(seed):
    rng = np.random.default_rng(seed)
    steps = standardised(rng, 12, int(rng.choice([3, 8, 32, 256])))
    sums = np.arange(steps[0] - 100, steps[-1] + 100)
    found = factors(tuple(steps.tolist()))
    assert found
    for factor, offset, shift, _ in found[:20]:
        counts = np.clip((factor * sums + offset) >> shift, 0, len(steps))
        assert np.array_equal(counts, np.searchsorted(steps, sums, side="right")), (factor, offset, shift)


def test_steps_that_no_factor_gives():
    assert factors((0, 10, 11, 30, 31, 90)) == [] and factors((4,)) == [] and factors((4, 4)) == []


def halves_to_even(bits: int, shift: int, levels: int) -> np.ndarray:
    """Thresholds of the nearest multiple of 2**shift, of two the even one."""
    words = np.arange(-2 ** (bits - 1), 2 ** (bits - 1))
    count = np.clip(np.rint(words / 2**shift), -(levels // 2), levels // 2 - 1).astype(int) + levels // 2
    return words[np.searchsorted(count, np.arange(1, levels))]


@pytest.mark.parametrize("shift, levels", [(1, 16), (3, 8), (6, 32), (4, 2)])
def test_ties_to_even(shift, levels):
    steps = halves_to_even(12, shift, levels)
    words = np.arange(-2048, 2048)
    for factor, offset, by, tie in to_even(tuple(steps.tolist())):
        counts = np.clip(factor * words + offset + (words >> tie & 1) >> by, 0, levels - 1)
        assert np.array_equal(counts, np.searchsorted(steps, words, side="right")) and by == shift
    assert len(to_even(tuple(steps.tolist()))) == (levels > 2)
    assert to_even((0, 10, 11, 30, 31, 90)) == []


@pytest.mark.slow
def test_a_layer_of_one_input_each_in_verilator(tmp_path):
    rng, weights = np.random.default_rng(1), np.array([1, -1, 3, 1, -1])
    thresholds = np.sort([*(weight * standardised(rng, 10, 32) for weight in weights[:3]), halves_to_even(10, 4, 32), -halves_to_even(10, 4, 32)], axis=1)
    layer = SparseLayer("layer0", np.diag(weights), np.zeros(5), thresholds, "INT10", "UINT5")
    x = np.stack([np.roll(np.arange(-512, 512), 17 * column) for column in range(5)], axis=1)
    core = unrolled_core([layer], "core_under_test")
    assert np.array_equal(simulate(core, x, 10, 5, False, tmp_path), layer.execute(x))


def test_the_factor_is_taken_where_it_is_cheaper(monkeypatch):
    steps = standardised(np.random.default_rng(4), 13, 256)
    layer = SparseLayer("layer0", np.eye(1), np.zeros(1), [steps], "INT14", "UINT8")
    counts = unrolled_core([layer], "core").counts
    monkeypatch.setattr(even_steps, "BUILT", 0)
    even_steps.cheapest.cache_clear()
    plain = unrolled_core([layer], "core").counts
    even_steps.cheapest.cache_clear()
    assert counts["functions"] + counts["columns"] < 0.85 * (plain["functions"] + plain["columns"])


def test_a_shift_costs_nothing():
    """Steps of a power of two in words that the quantiser does not clip are wires."""
    for thresholds in (np.arange(-127, 128) * 64, np.arange(-63, 64) * 128):
        layer = SparseLayer("layer0", np.eye(1), np.zeros(1), [thresholds], "INT14", "INT8" if len(thresholds) == 255 else "INT7")
        counts = unrolled_core([layer], "core").counts
        assert (counts["functions"], counts["columns"]) == (0, 0)


def test_ties_to_even_cost_little_more_than_halves_that_go_up():
    counts = []
    for steps in (np.arange(-127, 128) * 16 - 8, halves_to_even(16, 4, 256)):
        made = unrolled_core([SparseLayer("layer0", np.eye(1), np.zeros(1), [steps], "INT16", "INT8")], "core").counts
        counts.append(made["functions"] + made["columns"])
    assert counts[1] <= counts[0] + 10
