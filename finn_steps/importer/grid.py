"""The integers behind values: each channel's levels as step * n + zero, for whole n."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finn_steps.accelerator import smallest_datatype
from finn_steps.importer.levels import Levels

FLOAT_ROUNDINGS = 8
"""Roundings that a level may have gone through: how far it may lie from its grid, in units of 2^-24 of the greatest level."""
UNIT = 2.0**-24
MOST_STEPS, MOST_INPUT_STEPS = 2**16, 2**20
"""That a layer's levels, and a model's inputs, may span: levels of float16 and of minifloats are not even."""
FARTHEST = 2.0**53
SMALL_FACTORS = (*range(1, 33), 64, 128, 256, 512, 1024)


class NoGrid(ValueError):
    """The levels of a channel are no multiples of one step."""


@dataclass(frozen=True, eq=False)
class Grid:
    """What one layer's inputs can be: channel c has the value step[c] * n + zero[c] for the stored integer n.

    step, zero   float64 [width]; a step of 0: the channel has one value
    least, most  int64 [width], of the stored integers of each channel; low, high: over all channels
    deviation    float64 [width]: how far the model's float values lie from step * n + zero
    largest      float64 [width]: the greatest size of a value
    reached      int64, ascending: the stored integers that occur in any channel
    straight     what is stored are the quantiser's own integers
    bipolar      the values are -v and +v, stored as 0 and 1
    """

    step: np.ndarray
    zero: np.ndarray
    least: np.ndarray
    most: np.ndarray
    deviation: np.ndarray
    largest: np.ndarray
    reached: np.ndarray
    straight: bool
    bipolar: bool = False

    @property
    def low(self) -> int:
        return int(self.least.min())

    @property
    def high(self) -> int:
        return int(self.most.max())

    @property
    def ranges(self) -> np.ndarray:
        """int64 [2, width]."""
        return np.stack([self.least, self.most])

    @property
    def datatype(self) -> str:
        """FINN's datatype of the stored integers."""
        return "TERNARY" if (self.low, self.high) == (-1, 1) else smallest_datatype(self.low, max(1, self.high))

    def stored(self, values: np.ndarray) -> np.ndarray:
        """float64 [N, width] -> int64: the stored integer of each value."""
        steps = np.rint((values - self.zero) / np.where(self.step == 0, 1, self.step))
        return np.clip(steps, -FARTHEST, FARTHEST).astype(np.int64)


def read_grid(levels: Levels, values: np.ndarray, most: int = MOST_STEPS) -> Grid:
    """The grid of `values`, float64 [K, width]: what the model makes of the levels on their way to the next layer.

    Where the values are one straight line over the levels' integers, these are what is stored; otherwise whole steps from zero,
    or from the least value where zero is no step. NoGrid where there is none of at most `most` steps, or where a channel rises and falls.
    """
    integers = np.broadcast_to(levels.integers, values.shape)
    columns, inverse = _different_columns(integers, values)
    lines = [_line(integers[:, column], values[:, column]) for column in columns]
    straight = all(line is not None for line in lines)
    if not straight:
        lines = [_steps(values[:, column], most) for column in columns]
    step, zero = (np.array([line[part] for line in lines])[inverse] for part in (0, 1))
    stored = np.stack([line[2] for line in lines], axis=1)
    deviation = np.array([np.abs(values[:, c] - (line[0] * line[2] + line[1])).max() for c, line in zip(columns, lines)])[inverse]
    return Grid(step, zero, stored.min(0)[inverse], stored.max(0)[inverse], deviation, np.abs(values).max(0),
                np.unique(stored), straight, levels.bipolar and np.array_equal(values, -values[::-1]))


def _different_columns(integers: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of columns that differ, and for each column which of them it is."""
    if np.all(values == values[:, :1]) and np.all(integers == integers[:, :1]):
        return np.array([0]), np.zeros(values.shape[1], int)
    keys = np.concatenate([values, integers.astype(np.float64)])
    _, first, inverse = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1)


def _line(integers: np.ndarray, values: np.ndarray):
    """(step, zero, integers) where the values lie on a straight line over the integers; None otherwise."""
    span = integers[-1] - integers[0]
    if span == 0 or np.all(values == values[0]):
        return 0.0, values[0], integers
    tolerance = FLOAT_ROUNDINGS * UNIT * np.abs(values).max()
    slope = (values[-1] - values[0]) / span
    best = None
    for step in (slope, float(np.float32(slope))):
        zero = _snapped(values[0] - step * integers[0], step, tolerance)
        error = np.abs(values - (step * integers + zero)).max()
        if best is None or error < best[0]:
            best = (error, step, zero)
    return (best[1], best[2], integers) if best[0] <= tolerance else None


def _snapped(zero: float, step: float, tolerance: float) -> float:
    """`zero` as a whole number of steps where it is one."""
    whole = np.rint(zero / step) * step
    return float(whole) if abs(whole - zero) <= tolerance else float(zero)


def _steps(values: np.ndarray, most: int):
    """(step, zero, integers) by the greatest common divisor of the distances between different values."""
    rises = np.diff(values)
    if np.any(rises < 0) and np.any(rises > 0):
        raise NoGrid("rise and fall")
    different = np.unique(values)
    if len(different) == 1:
        return 0.0, values[0], np.zeros(len(values), np.int64)
    tolerance = FLOAT_ROUNDINGS * UNIT * np.abs(values).max()
    step = common_step(np.diff(different), tolerance, most)
    if step is None:
        raise NoGrid("are no multiples of one step")
    zero = _snapped(different[0], step, tolerance)
    zero = 0.0 if abs(np.rint(zero / step) * step - zero) <= tolerance and different[0] - step <= 0 <= different[-1] + step else different[0]
    integers = np.rint((values - zero) / step).astype(np.int64)
    return step, float(zero), integers


def common_step(distances: np.ndarray, tolerance: float, most: int = MOST_STEPS) -> float | None:
    """The greatest step of which all distances (float64, above 0) are multiples, to `tolerance`; None where there is none."""
    least, reach = distances.min(), distances.sum()
    for factor in SMALL_FACTORS:
        step = least / factor
        counts = np.rint(distances / step)
        total = counts.sum()
        if total > most:
            break
        refined = reach / total
        if np.all(np.abs(counts * refined - distances) <= 2 * tolerance) and tolerance < step / 8:
            return float(refined)
    step = power_of_two_step(distances)
    return step if reach / step <= most else None


def power_of_two_step(values: np.ndarray) -> float:
    """The greatest power of two of which every float64 value is a whole multiple; 1 where all are 0."""
    values = np.abs(values[values != 0])
    if not len(values):
        return 1.0
    mantissa, exponent = np.frexp(values)
    whole = (mantissa * 2.0**53).astype(np.int64)
    return float(2.0 ** np.min(np.log2((whole & -whole).astype(np.float64)) + exponent - 53))
