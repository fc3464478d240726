"""Where a float32 result can lie, whoever computes it: intervals in float64 carried through the host's operations.

Each operation maps both ends of an interval and widens it by its roundings, u of the result each, with u = 2^-24 (Higham, Accuracy and
Stability of Numerical Algorithms, 2.2). Where both ends are one number that float32 holds, nothing has rounded and nothing is widened:
there equality is exact. A constant may have been rounded from what the file computes with (a product of two scales), by 2 u of it; one
of at most SHORT bits is taken as it is. exp, sigmoid and tanh are off by TRANSCENDENTAL u in numpy and in onnxruntime (at most 5 u on
800,000 values in -20..20), of 1 at least.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.host import OPERATIONS, HostOp
from finn_steps.original.meeting import Meeting

UNIT, HALF_UNIT = 2.0**-24, 2.0**-11
"""u of float32, and of float16."""
ROOM = 1.001
"""For the products of roundings that the bounds leave out."""
SHORT = 8
TRANSCENDENTAL = 16
TINY = 2.0**-126
EXACT = ("clip", "relu", "round", "floor", "ceil", "trunc", "take", "count")
"""They choose among numbers that are there."""

Interval = tuple[np.ndarray, np.ndarray]


def output_interval(operations: Sequence[HostOp], low: np.ndarray, high: np.ndarray, unit: float = UNIT) -> Interval:
    """float64 [N, n] twice: the least and the greatest that the operations can give from values in low..high."""
    interval = np.asarray(low, np.float64), np.asarray(high, np.float64)
    with np.errstate(all="ignore"):
        for operation in operations:
            interval = _apply(operation, interval, unit)
    return interval


def sum_error(weights: np.ndarray, values: np.ndarray, unit: float = UNIT) -> np.ndarray:
    """float64 [N, MH]: how far a float sum of `weights[i] @ values[n]` can be from the exact one, in any order of summation.

    weights int64 [MH, MW]; values float64 [N, MW], both in exact units whose float factors are rounded numbers. Of m terms, each with
    three roundings (its factors and the product), T the sum of their sizes and a their sum, no partial sum of m - 1 additions exceeds
    (T + |a|) / 2, so the error is at most u * ((m - 1) * (T + |a|) / 2 + 3 * T) (Higham, chapter 4).
    """
    sizes, exact = np.abs(values) @ np.abs(weights.T).astype(np.float64), np.abs(values @ weights.T.astype(np.float64))
    terms = (values != 0).astype(np.float64) @ (weights.T != 0).astype(np.float64)
    return unit * ROOM * (np.maximum(terms - 1, 0) * (sizes + exact) / 2 + 3 * sizes)


def last_sum_error(accelerator: Accelerator, meetings: dict[str, Meeting], stored: np.ndarray, unit: float = UNIT) -> np.ndarray:
    """float64 [N, MH], or [N, 1] of zeros: how far the model's float sums of an unthresholded last layer can be from the exact ones, in steps
    of its accumulator; 0 where every partial sum is exact.

    meetings  by the names of the layers, and "input"; stored  int64 [N, MW], what the layer takes
    """
    layer = accelerator.layers[-1]
    before = meetings.get(accelerator.layers[-2].name if len(accelerator.layers) > 1 else "input")
    values = stored + (0.0 if before is None else np.divide(before.offset, before.scale, out=np.zeros(np.shape(before.offset)),
                                                            where=before.scale != 0))
    meeting, exact = meetings.get(layer.name), np.zeros(layer.MH, bool)
    if meeting is not None and unit == UNIT and np.all(values == np.rint(values)):
        largest = np.abs(layer.weights) @ np.abs(values).max(axis=0, initial=0)
        exact = (largest < 2**24) & (np.frexp(np.abs(meeting.scale))[0] == 0.5)
    return np.zeros((len(stored), 1)) if exact.all() else np.where(exact, 0.0, sum_error(layer.weights, values, unit))


def _apply(operation: HostOp, interval: Interval, unit: float) -> Interval:
    name, value = operation.op, operation.value
    if name in ("add", "sub", "mul", "div"):
        low, high = _constant(value, unit)
        ends = [OPERATIONS[name](end, constant) for end in interval for constant in (low, high)]
        return _rounded((np.minimum.reduce(ends), np.maximum.reduce(ends)), unit)
    if name == "batch_norm":
        return _batch_norm(value.astype(np.float64), interval, unit)
    if name in ("softmax", "log_softmax"):
        sizes = (1, interval[0].shape[1], 1) if value is None else tuple(value.astype(int))
        grouped = [np.moveaxis(end.reshape(len(end), *sizes), 2, 3) for end in interval]
        return tuple(np.moveaxis(end, 3, 2).reshape(interval[0].shape) for end in (_softmax if name == "softmax" else _log_softmax)(grouped, unit))
    ends = [OPERATIONS[name](end, None if value is None else value.astype(np.float64)) for end in interval]
    ends = np.minimum(*ends), np.maximum(*ends)
    return ends if name in EXACT else _rounded(ends, TRANSCENDENTAL * unit, 1.0)


def _batch_norm(value: np.ndarray, interval: Interval, unit: float) -> Interval:
    """x * factor + (bias - mean * factor), in whatever order: the factor is off by 3 u, each product and sum by u of the largest part."""
    factor, mean, bias = value
    ends = [end * factor for end in interval]
    sizes = np.maximum(*(np.abs(end) for end in ends)) + np.abs(mean) + np.abs(bias)
    margin = 6 * unit * ROOM * sizes
    return np.minimum(*ends) + (bias - mean) - margin, np.maximum(*ends) + (bias - mean) + margin


def _constant(value: np.ndarray, unit: float) -> Interval:
    value = value.astype(np.float64)
    short = np.ldexp(np.frexp(value)[0], SHORT)
    margin = np.where(short == np.rint(short), 0.0, 2 * unit * ROOM * np.abs(value))
    return value - margin, value + margin


def _rounded(interval: Interval, unit: float, least: float = 0.0) -> Interval:
    """Widened by u of the greater end's size, or of `least`, except where nothing can have rounded."""
    low, high = interval
    exact = (low == high) & (low.astype(np.float32) == low) & (least == 0)
    margin = np.where(exact, 0.0, unit * ROOM * np.maximum(np.maximum(np.abs(low), np.abs(high)), least) + TINY)
    margin = np.where(np.isfinite(margin), margin, 0.0)
    return low - margin, high + margin


def _softmax(interval: Interval, unit: float) -> Interval:
    """p = exp(x - max) / sum: each exponent is off by u of its size, each power by TRANSCENDENTAL u, sum and quotient by n + 1."""
    low, high = interval
    top = high.max(axis=-1, keepdims=True)
    margin = unit * ROOM * np.maximum(np.abs(low - top), np.abs(high - top))
    least, most = np.exp(low - top - margin), np.exp(high - top + margin)
    others_most = most.sum(axis=-1, keepdims=True) - most
    others_least = least.sum(axis=-1, keepdims=True) - least
    relative = (low.shape[-1] + 2 + TRANSCENDENTAL) * unit * ROOM
    smallest, greatest = least / (least + np.maximum(others_most, 0)), most / (most + np.maximum(others_least, 0))
    return smallest * (1 - relative) - TINY, greatest * (1 + relative) + TINY


def _log_softmax(interval: Interval, unit: float) -> Interval:
    """x - log(sum(exp(x))): the sum's relative error, n + 1 roundings and its powers', is the logarithm's absolute one."""
    low, high = interval
    least, most = (np.logaddexp.reduce(end, axis=-1, keepdims=True) for end in interval)
    return _rounded((low - most, high - least), (low.shape[-1] + 2 + 2 * TRANSCENDENTAL) * unit, 1.0)
