"""Inputs to verify with when the user gives no data: they reach every input integer, its rounding and its clipping."""

from __future__ import annotations

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.host import HostOp

ROUNDING = ("round", "floor", "ceil", "trunc")
NEAR_ONE = 1 - 2.0**-24


def random_model_inputs(accelerator: Accelerator, samples: int, seed: int) -> np.ndarray:
    """float32 [samples, features]: uniform over the input integers and a little beyond, mapped back through the host's head.

    The first two samples are the least and the greatest input. Where the head rounds, values fall between integers and a tenth
    of the range is clipped; where it does not (an annotated integer input), every value is an exact integer.
    """
    rng = np.random.default_rng(seed)
    low, high = _ranges(accelerator)
    rounds = any(op.op in (*ROUNDING, "count") for op in accelerator.host_input)
    shape = (samples, _width(accelerator))
    if rounds:
        margin = 0.05 * (high - low)
        x = rng.uniform(low - margin, high + margin, shape)
    else:
        x = rng.integers(np.broadcast_to(low, shape), high, endpoint=True).astype(np.float64)
    x[: min(1, samples)] = low
    x[1 : min(2, samples)] = high
    widths = _widths(accelerator)
    for op, width in zip(reversed(accelerator.host_input), reversed(widths)):
        x = _undone(op, x, width, rng)
    return x.astype(np.float32)


def _ranges(accelerator: Accelerator) -> tuple[np.ndarray, np.ndarray]:
    """int64 [features behind the last host operation]: the least and the greatest integer; of features that are not taken the datatype's."""
    datatype, width, first = DataType[accelerator.idt], _width(accelerator), accelerator.layers[0]
    low, high = np.full(width, int(datatype.min())), np.full(width, int(datatype.max()))
    low[accelerator.input_index], high[accelerator.input_index] = first.input_low, first.input_high
    return (low, high) if accelerator.input_fixed is None else _where_it_steps(accelerator, low, high)


def _where_it_steps(accelerator: Accelerator, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of words of fixed point, of which most may be beyond the model's quantiser: from the first step of any row to the last one."""
    layer, low, high = accelerator.layers[0], low.copy(), high.copy()
    for column, feature in enumerate(accelerator.input_index):
        steps = [value * layer.weights[row, column] for row in np.flatnonzero(layer.weights[:, column])
                 for value in layer.thresholds[row] if layer.accumulator_min[row] < value <= layer.accumulator_max[row]]
        if steps:
            low[feature], high[feature] = max(low[feature], min(steps) - 1), min(high[feature], max(steps))
    return low, high


def _widths(accelerator: Accelerator) -> list[int]:
    """Features in front of each host operation."""
    widths = [accelerator.features]
    for op in accelerator.host_input:
        widths.append(len(op.value) if op.op == "take" else widths[-1])
    return widths[:-1]


def _width(accelerator: Accelerator) -> int:
    """Features behind the last host operation."""
    taken = [op for op in accelerator.host_input if op.op == "take"]
    return len(taken[-1].value) if taken else accelerator.features


def _undone(op: HostOp, x: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """Values that the operation turns into x, nearly. ValueError for one that has none."""
    if op.op in ROUNDING or op.op in ("clip", "relu", "max", "min", "mod"):
        return x
    if op.op in ("add", "sub"):
        return x - op.value if op.op == "add" else x + op.value
    if op.op in ("mul", "div"):
        return x / np.where(op.value == 0, 1, op.value) if op.op == "mul" else x * op.value
    if op.op == "sigmoid":
        shares = np.clip(x, 2.0**-24, NEAR_ONE)
        return np.log(shares / (1 - shares))
    if op.op == "tanh":
        return np.arctanh(np.clip(x, -NEAR_ONE, NEAR_ONE))
    if op.op == "take":
        found = x[rng.integers(0, len(x), len(x))][:, rng.integers(0, x.shape[1], width)]
        found[:, op.value.astype(int)] = x
        return found
    if op.op == "count":
        return _between_thresholds(op.value.astype(np.float64), x)
    raise ValueError(f"no random inputs through the host operation '{op.op}': give data with --data")


def _between_thresholds(thresholds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Values that reach about counts [N, n] of thresholds [n, steps], linear between one threshold and the next."""
    answer = np.empty(counts.shape)
    for feature, row in enumerate(thresholds):
        finite = row[np.isfinite(row)]
        finite = finite if len(finite) else np.zeros(1)
        step = np.median(np.diff(finite)) if len(finite) > 1 else 1.0
        points = np.concatenate([[finite[0] - max(step, 2.0**-20)], finite, [finite[-1] + max(step, 2.0**-20)]])
        answer[:, feature] = np.interp(counts[:, feature] + 0.5, np.arange(len(points)), points)
    return answer


def corner_inputs(accelerator: Accelerator) -> np.ndarray:
    """int64 [2 + 2 * MW, MW]: all least, all greatest, and each input at its greatest among least and the other way round."""
    low, high = accelerator.layers[0].input_low, accelerator.layers[0].input_high
    one_hot = np.eye(accelerator.MW, dtype=np.int64) * (high - low)
    return np.concatenate([low[None], high[None], low + one_hot, high - one_hot])
