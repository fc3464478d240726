"""Thresholds by evaluation: where does the model's own chain of operators, run in float32, step to the next integer?

Nothing is solved for: each threshold is read off what onnxruntime answers to every accumulator, or, where there are too many, found by
bisection and compared with the chain afterwards. So the model's rounding, ties and the order of its float operations are right by
construction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SCANNED, SCANNED_IN_ALL = 2**16, 2**26
"""Accumulators of a neuron, and of a layer, that are compared with the chain behind a bisection."""
SCANNED_AT_ONCE = 2**22
"""Accumulators of all neurons together that are tried one by one; thresholds among more are found by bisection."""
BLOCK = 2**20
MOST_WAVERING = 0.02
"""The share of a neuron's accumulators that may be one step off."""
SLACK_BITS = 12


@dataclass(frozen=True, eq=False)
class Activation:
    """The step functions of a layer's neurons, over the model's integer accumulator `a`.

    thresholds  int64 [MH, steps]: the integer reaches low + 1 + k at direction * a >= thresholds[:, k]
    direction   int64 [MH]: 1 where the integer rises with the accumulator, -1 where it falls
    wavering    (neurons, accumulators), int64 [K] each: the accumulators for which the model's answer is one step off, because its float
                operators are not quite monotone
    Thresholds reached by every accumulator of the row are the row's least direction * a; those never reached, one more than
    its greatest.
    """

    thresholds: np.ndarray
    direction: np.ndarray
    wavering: tuple[np.ndarray, np.ndarray] = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def find_activation(name: str, integers: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray,
                    levels: np.ndarray) -> Activation:
    """Find the thresholds of every neuron of layer `name`.

    integers   the model's chain: int64 accumulators [N, MH] -> the quantiser's integers [N, MH]
    low, high  int64 [MH], the accumulators to cover
    levels     int64 [steps], ascending: the integers whose first accumulator is wanted
    ValueError where a neuron's chain rises and falls.
    """
    ends = integers(np.stack([low, high]))
    direction = np.where(ends[1] < ends[0], -1, 1)
    if (int((high - low).max()) + 1) * len(low) <= SCANNED_AT_ONCE:
        return _scanned(name, integers, low, high, direction, levels)
    activation = _bisected(integers, low, high, direction, levels)
    _check_steps(name, integers, activation, low, high, levels)
    return activation


def _scanned(name, integers, low, high, direction, levels) -> Activation:
    """By the chain's answer to every accumulator, which shows too that it is monotone."""
    least, greatest = np.minimum(low * direction, high * direction), np.maximum(low * direction, high * direction)
    turned = np.minimum(least + np.arange(int((high - low).max()) + 1)[:, None], greatest)
    answers = integers(turned * direction)
    rising = answers
    if np.any(np.diff(answers, axis=0) < 0):
        rising = np.sort(answers, axis=0)
        _check_wavering(name, answers, rising)
    steps = np.stack([np.searchsorted(column, levels, side="left") for column in rising.T])
    row, neuron = np.nonzero(rising != answers)
    thresholds = np.minimum(least[:, None] + steps, greatest[:, None] + 1)
    return Activation(thresholds, direction, (neuron, (turned * direction)[row, neuron]))


def _check_wavering(name: str, answers: np.ndarray, rising: np.ndarray) -> None:
    """onnxruntime's Sigmoid and Tanh fall by a rounding here and there: a few accumulators at a step may be on its other side."""
    off = np.abs(rising - answers)
    for neuron in np.nonzero(np.any(off > 1, axis=0) | (np.count_nonzero(off, axis=0) > MOST_WAVERING * len(off)))[0]:
        _refuse(name, int(neuron))


def _bisected(integers, low, high, direction, levels) -> Activation:
    least, greatest = np.minimum(low * direction, high * direction), np.maximum(low * direction, high * direction)
    first = np.broadcast_to(least, (len(levels), len(least))).copy()
    last = np.broadcast_to(greatest + 1, first.shape).copy()
    wanted = np.asarray(levels)[:, None]
    while np.any(first < last):
        middle = (first + last) // 2
        reached = integers(np.minimum(middle, greatest) * direction) >= wanted
        reached |= middle > greatest
        last = np.where(reached, middle, last)
        first = np.where(reached, first, np.minimum(middle + 1, last))
    return Activation(first.T.copy(), direction)


def _check_steps(name, integers, activation, low, high, levels) -> None:
    """The step functions against the chain, over SCANNED accumulators spread over each neuron's range."""
    count = min(SCANNED, SCANNED_IN_ALL // len(low), int((high - low).max()) + 1)
    rows = max(1, BLOCK // len(low))
    for start in range(0, count, rows):
        positions = np.arange(start, min(start + rows, count))[:, None]
        accumulators = low + positions * (high - low) // max(1, count - 1)
        wanted = np.searchsorted(levels, integers(accumulators), side="right")
        for neuron, (thresholds, direction) in enumerate(zip(activation.thresholds, activation.direction)):
            got = np.searchsorted(thresholds, accumulators[:, neuron] * direction, side="right")
            if not np.array_equal(got, wanted[:, neuron]):
                _refuse(name, neuron)


def _refuse(name: str, neuron: int) -> None:
    raise ValueError(f"{name}: the activation of neuron {neuron} rises and falls with its accumulator; supported: monotone ones")


def borderline_accumulators(integers_of_values: Callable[[np.ndarray], np.ndarray], values: Callable[[np.ndarray], np.ndarray],
                            activation: Activation, low: np.ndarray, high: np.ndarray, error: np.ndarray,
                            levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Accumulators next to a threshold that float rounding of the layer's MatMul could carry a sum over: neuron, accumulator, whether it is
    at the threshold or below it, slack, [K] each.

    integers_of_values  the model's chain on the MatMul's float output [N, MH]
    values              int64 accumulators [N, MH] -> the exact float output
    error               float64 [MH]: the greatest rounding error of the MatMul's float output
    slack               how far the output can be from the exact one without changing the integer
    """
    direction, thresholds = activation.direction, activation.thresholds.T
    wanted = np.asarray(levels)[:, None]
    found = []
    for below in (False, True):
        accumulators = (thresholds - below) * direction
        towards = direction if below else -direction

        def flipped(distance: np.ndarray) -> np.ndarray:
            shifted = (values(accumulators) + towards * distance).astype(np.float32)
            outward = np.nextafter(shifted, np.float32(np.inf) * towards.astype(np.float32))
            return (integers_of_values(outward) >= wanted) == below

        inside = (accumulators >= low) & (accumulators <= high) & (error > 0)
        touched = inside & flipped(np.broadcast_to(error, accumulators.shape))
        safe, unsafe = np.zeros(accumulators.shape), np.broadcast_to(error, accumulators.shape)
        for _ in range(SLACK_BITS if touched.any() else 0):
            middle = (safe + unsafe) / 2
            crossed = flipped(middle)
            safe, unsafe = np.where(crossed, safe, middle), np.where(crossed, middle, unsafe)
        found.append((np.nonzero(touched)[1], accumulators[touched], np.full(np.count_nonzero(touched), not below), safe[touched]))
    return tuple(np.concatenate(parts) for parts in zip(*found))
