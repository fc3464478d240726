"""A layer's real weights as whole numbers: row o of the model's sums is unit[o] * (values[o] @ n + shift[o]), for stored inputs n."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finn_steps.importer.grid import SMALL_FACTORS, UNIT, Grid, power_of_two_step
from finn_steps.importer.weights import Weights

MOST_RATIO = 2**12
MOST_WEIGHT_BITS = 30
"""Of weights that stand for products with scales of no whole ratio."""
RELATIVE = 2.0**-21
"""How far a ratio of two float32 scales may lie from a whole number, relatively."""
FLOAT32_INTEGERS = 2.0**24


@dataclass(frozen=True, eq=False)
class Matrix:
    """values int64 [MH, MW]; unit, shift float64 [MH].

    shift     exact where zero points are whole steps: a sum that is zero in the model is zero here
    rounding  float64 [MH]: how far the model's float32 sum can be from the exact one, in any order of summation; 0 where it is exact
    extra     float64 [MH]: the part of `rounding` that comes from levels off their grid and from weights off theirs
    """

    values: np.ndarray
    unit: np.ndarray
    shift: np.ndarray
    rounding: np.ndarray
    extra: np.ndarray


def read_matrix(weights: Weights, grid: Grid) -> Matrix:
    """Exact where scales are whole multiples of each other along each row; else the weights are taken to the model's own rounding."""
    scales = weights.scale * np.abs(grid.step)
    signs = np.where(grid.step < 0, -1, 1)
    integers = weights.integers * signs * (grid.step != 0)
    most = max(abs(grid.low), abs(grid.high), 1)
    unit, values, whole = _rows(scales, integers, most, lambda: _bound(weights, grid))
    real = weights.values * grid.step
    zeros = _zeros(grid)
    reach = most + whole[:, None] * np.abs(zeros)
    apart = np.abs(real - unit[:, None] * values)
    if np.any(apart > unit[:, None] / 2 + 2 * RELATIVE * np.abs(real)):
        raise ArithmeticError("weights that are not near their whole numbers would be taken for rounding")
    extra = (apart * reach).sum(1) + np.abs(weights.values) @ grid.deviation
    exact = _is_exact(weights.values, grid, unit, values)
    rounding = np.where(exact, 0.0, _bound(weights, grid) + extra)
    constant = grid.step == 0
    shift = np.where(whole, _product(values, zeros) + _product(weights.values, grid.zero * constant) / unit, _product(weights.values, grid.zero) / unit)
    return Matrix(values, unit, shift, rounding, np.where(exact, 0.0, extra))


def _zeros(grid: Grid) -> np.ndarray:
    """float64 [MW]: each channel's zero in its steps, halves as they are; 0 for channels of one value."""
    zeros = np.divide(grid.zero, grid.step, out=np.zeros_like(grid.zero), where=grid.step != 0)
    halves = np.rint(2 * zeros) / 2
    return np.where(np.abs(halves - zeros) <= RELATIVE * np.maximum(1, np.abs(zeros)), halves, zeros)


def _product(weights: np.ndarray, zeros: np.ndarray) -> np.ndarray:
    """float64 [MH]: weights @ zeros. Weights of zeros of one size are added up first: fused with a product, an addition would leave a
    rounding where they cancel."""
    sizes, place = np.unique(np.abs(zeros), return_inverse=True)
    same = np.zeros((len(zeros), len(sizes)), weights.dtype)
    same[np.arange(len(zeros)), place] = np.sign(zeros)
    return weights @ same @ sizes


def _rows(scales: np.ndarray, integers: np.ndarray, most: int, bound) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(unit [MH], values [MH, MW], bool [MH]) with unit * values = scales * integers, row by row: to float32 rounding where it is told so,
    else as near as the model's own rounding, for inputs of at most `most` in size."""
    used = integers != 0
    greatest, least = np.where(used, scales, 0).max(1), np.where(used, scales, np.inf).min(1)
    unit, values, whole = np.where(greatest > 0, greatest, 1.0), integers.copy(), np.ones(len(integers), bool)
    limits = None
    for row in np.nonzero((greatest != least) & used.any(1))[0]:
        ratios = _whole_ratios(scales[row, used[row]])
        if ratios is not None:
            unit[row], factors = ratios
            values[row, used[row]] *= factors
            continue
        limits, whole[row] = bound() if limits is None else limits, False
        real = scales[row] * integers[row]
        unit[row] = max(limits[row] / (np.count_nonzero(used[row]) * most), np.abs(real).max() * 2.0**-MOST_WEIGHT_BITS)
        values[row] = np.rint(real / unit[row]).astype(np.int64)
    return unit, values, whole


def _whole_ratios(scales: np.ndarray) -> tuple[float, np.ndarray] | None:
    """(unit, int64 factors) with scales = unit * factors within float32 rounding; None where the factors would be large."""
    if not len(scales):
        return 1.0, np.zeros(0, np.int64)
    least = scales.min()
    for factor in SMALL_FACTORS:
        ratios = scales / (least / factor)
        if ratios.max() > MOST_RATIO:
            return None
        whole = np.rint(ratios)
        if np.all(np.abs(whole - ratios) <= RELATIVE * ratios):
            return float(least / factor), whole.astype(np.int64)
    return None


def _bound(weights: Weights, grid: Grid) -> np.ndarray:
    """float64 [MH]: each of n nonzero terms is a product of two rounded factors, and n - 1 additions round: at most
    (n + 3) * 2^-24 * sum |terms| (Higham, Accuracy and Stability of Numerical Algorithms, 4.2)."""
    return (np.count_nonzero(weights.values, axis=1) + 3) * UNIT * (np.abs(weights.values) @ grid.largest)


def _is_exact(values: np.ndarray, grid: Grid, unit: np.ndarray, integers: np.ndarray) -> np.ndarray:
    """bool [MH]: rows in which every product and every partial sum is a whole multiple, below 2^24, of one power of two."""
    if np.any(grid.deviation):
        return np.zeros(len(values), bool)
    levels = power_of_two_step(np.concatenate([grid.step, grid.zero]))
    exact = np.zeros(len(values), bool)
    for row, weights in enumerate(values):
        step = power_of_two_step(weights)
        terms = (np.abs(weights) / step) @ (grid.largest / levels)
        exact[row] = terms < FLOAT32_INTEGERS and np.array_equal(unit[row] * integers[row], weights * grid.step)
    return exact
