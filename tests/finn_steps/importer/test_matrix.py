"""Sums of a layer as whole numbers, against exact rational arithmetic: steps and zeros of each channel in any ratio, and sums that cancel."""

from fractions import Fraction

import numpy as np
import pytest

from finn_steps.importer.grid import Grid
from finn_steps.importer.matrix import read_matrix
from finn_steps.importer.weights import Weights


def grid_of(step, zero, most=3) -> Grid:
    step, zero = np.asarray(step, np.float64), np.asarray(zero, np.float64)
    width = len(step)
    least = np.zeros(width, np.int64)
    return Grid(step, zero, least, np.where(step == 0, 0, most), np.zeros(width), np.abs(step) * most + np.abs(zero), np.arange(most + 1), True)


def weights_of(integers, scale: float) -> Weights:
    integers = np.asarray(integers, np.int64)
    return Weights(integers * scale, integers, np.full(integers.shape, scale))


def exact_sums(weights: Weights, grid: Grid, n: np.ndarray) -> np.ndarray:
    """float64 [N, MH] of sums in rational arithmetic."""
    inputs = [[Fraction(s) * int(k) + Fraction(z) for s, z, k in zip(grid.step, grid.zero, row)] for row in n]
    rows = [[Fraction(value) for value in row] for row in weights.values]
    return np.array([[float(sum(w * x for w, x in zip(row, one))) for row in rows] for one in inputs])


@pytest.mark.parametrize("seed", range(6))
def test_sums_are_those_of_the_model_to_the_told_rounding(seed):
    """Zeros many steps away from 0, as batch norms behind quantisers make them: what is lost by rounding weights must not be multiplied by them."""
    rng = np.random.default_rng(seed)
    width = 9
    grid = grid_of(rng.uniform(0.7, 2.7, width).astype(np.float32), rng.uniform(-70, 70, width).astype(np.float32))
    weights = weights_of(rng.choice([-1, 1], (6, width)), 0.5)
    matrix = read_matrix(weights, grid)
    n = rng.integers(0, 4, (50, width))
    read = matrix.unit * (n @ matrix.values.T + matrix.shift)
    assert np.all(np.abs(read - exact_sums(weights, grid, n)) <= matrix.extra * 1.001 + 1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_a_sum_that_cancels_is_zero(seed):
    """Equal channels with opposite weights: no fused multiply-add may leave a rounding of their zeros, moving channels or constant ones."""
    rng = np.random.default_rng(seed)
    zero, step = rng.uniform(-100, 100, 2), rng.uniform(0.1, 3)
    grid = grid_of([step, step, step, step, 0.0, 0.0], [zero[0], zero[0], -zero[0], zero[0], zero[1], zero[1]])
    weights = weights_of([[3, -3, 0, 0, 0, 0], [7, 5, 12, 0, 0, 0], [0, 0, 0, 0, 11, -11], [5, -3, 0, -2, 7, -7]], 0.0625)
    assert np.array_equal(read_matrix(weights, grid).shift, np.zeros(4))


def test_weights_far_from_their_whole_numbers_are_never_taken_for_rounding():
    weights = weights_of([[1, -2, 3]], 0.25)
    with pytest.raises(ArithmeticError, match="taken for rounding"):
        read_matrix(Weights(weights.values * 1.5, weights.integers, weights.scale), grid_of([1, 1, 1], [0, 0, 0]))
