import numpy as np
import pytest

from finn_steps.emulator.staircase import staircase


def reached(stairs, accumulators):
    return (np.clip(accumulators, stairs.low, stairs.high) - stairs.low) * stairs.factor + stairs.offset >> stairs.shift


def same(thresholds):
    stairs = staircase(thresholds)
    accumulators = np.arange(thresholds[0] - 50, thresholds[-1] + 50)
    return stairs.factor and np.array_equal(reached(stairs, accumulators), np.searchsorted(thresholds, accumulators, "right"))


@pytest.mark.parametrize("count", [1, 2, 3, 15, 255])
@pytest.mark.parametrize("step", [1, 2, 3, 1.37, 9.01, 16.4, 1024])
def test_even_thresholds_are_a_staircase(count, step):
    for start in (-5000, 0, 77):
        assert same(start + np.ceil((np.arange(count) + 0.5) * step).astype(np.int64))


def test_powers_of_two_are_shifted():
    assert staircase(np.arange(7, 700, 32))[2:] == (1, 31, 5)


@pytest.mark.parametrize("thresholds", [[0, 1, 10], [3, 3, 3, 9], [0, 5, 10, 16, 20], []])
def test_others_are_none(thresholds):
    assert staircase(np.array(thresholds, np.int64)).factor == 0


def test_nothing_computed_leaves_31_bits():
    stairs = staircase(np.arange(1, 256) * 8_000_001)
    assert not stairs.factor or stairs.greatest < 2**31
