"""Inputs to verify with when the user gives no data: they reach every input integer, its rounding and its clipping."""

from __future__ import annotations

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator

INVERSES = {
    "add": lambda x, value: x - value,
    "sub": lambda x, value: x + value,
    "mul": lambda x, value: x / value,
    "div": lambda x, value: x * value,
}


def random_model_inputs(accelerator: Accelerator, samples: int, seed: int) -> np.ndarray:
    """float32 [samples, features]: uniform over the input integers and a little beyond, mapped back through the host's head.

    The first two samples are the least and the greatest input. Where the head rounds, values fall between integers and a tenth
    of the range is clipped; where it does not (an annotated integer input), every value is an exact integer.
    """
    rng = np.random.default_rng(seed)
    low, high = int(DataType[accelerator.idt].min()), int(DataType[accelerator.idt].max())
    rounds = any(op.op in ("round", "floor") for op in accelerator.host_input)
    shape = (samples, accelerator.features)
    if rounds:
        margin = 0.05 * (high - low)
        x = rng.uniform(low - margin, high + margin, shape)
    else:
        x = rng.integers(low, high, shape, endpoint=True).astype(np.float64)
    x[: min(1, samples)] = low
    x[1 : min(2, samples)] = high
    for op in reversed(accelerator.host_input):
        if op.op in INVERSES:
            x = INVERSES[op.op](x, op.value)
        elif op.op not in ("round", "floor", "clip"):
            raise ValueError(f"no random inputs through the host operation '{op.op}': give data with --data")
    return x.astype(np.float32)


def corner_inputs(accelerator: Accelerator) -> np.ndarray:
    """int64 [2 + 2 * MW, MW]: all least, all greatest, and each input at its greatest among least and the other way round."""
    low, high = int(DataType[accelerator.idt].min()), int(DataType[accelerator.idt].max())
    one_hot = np.eye(accelerator.MW, dtype=np.int64) * (high - low)
    constant = np.array([[low], [high]]) * np.ones((2, accelerator.MW), dtype=np.int64)
    return np.concatenate([constant, low + one_hot, high - one_hot])
