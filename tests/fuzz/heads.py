"""Random beginnings of a graph: the shape that comes in, what is done to it, and how it becomes integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from tests.fuzz.builder import Builder, Signal
from tests.fuzz.network import SAMPLES
from tests.fuzz.quantisers import Steps, quantised

T = TensorProto
ANNOTATIONS = {"UINT8": (0, 255), "UINT4": (0, 15), "INT4": (-8, 7), "INT8": (-128, 127), "BINARY": (0, 1), "BIPOLAR": (-1, 1),
               "TERNARY": (-1, 1), "UINT2": (0, 3), "INT2": (-2, 1), "UINT10": (0, 1023)}


@dataclass(frozen=True)
class Head:
    """shape: of the input behind the batch; inputs: float32 [SAMPLES, features]."""

    shape: list[int]
    batch: str | int
    inputs: np.ndarray
    signal: Signal


def head(b: Builder, style: str) -> Head:
    """The input, brought to [batch, width] and quantised."""
    width = int(b.rng.integers(2, 13))
    batch = b.pick("batch", 1, "batch", -1)
    shape, flatten, width = _shape(b, width, batch)
    features = int(np.prod(shape))
    if b.chance(0.3):
        return _annotated(b, shape, batch, flatten, width, features)
    back = _identity
    tensor = "x"
    if b.chance(0.4):
        tensor, back = _standardised(b, shape)
    signal, steps = quantised_input(b, Signal(flatten(tensor), width, 1.0), style)
    return Head(shape, batch, back(_reaching(b, steps, features)), signal)


def integer_head(b: Builder) -> Head:
    """Plain floats, for a QuantizeLinear to come."""
    width = int(b.rng.integers(2, 13))
    x = b.rng.integers(-80, 81, (SAMPLES, width)) / np.float32(32)
    return Head([width], b.pick("batch", 1), x.astype(np.float32), Signal("x", width, 2.0))


def quantised_input(b: Builder, signal: Signal, style: str) -> tuple[Signal, Steps]:
    return quantised(b, signal, style, "input")


def _identity(values: np.ndarray) -> np.ndarray:
    return values


def _reaching(b: Builder, steps: Steps, features: int) -> np.ndarray:
    """Values on, between and exactly half-way between levels, and a fifth beyond the ends."""
    low, high = max(steps.low - 2, -40000), min(steps.high + 3, 70000)
    integers = b.rng.integers(low, high, (SAMPLES, features)).astype(np.float64)
    if high - low > 300 and b.chance(0.5):
        integers = np.clip(np.round(b.rng.normal(steps.zero, 60, integers.shape)), low, high)
    part = b.rng.choice([0.0, 0.5, 0.25, -0.25], integers.shape, p=[0.3, 0.4, 0.15, 0.15])
    scale = np.asarray(steps.scale, np.float64).reshape(-1)
    scale = scale if scale.size == features else scale.max()
    values = ((integers + part - steps.zero) * scale).astype(np.float32)
    values[0], values[1] = values.min(), values.max()
    return values


def _shape(b: Builder, width: int, batch) -> tuple[list[int], Callable[[str], str], int]:
    """The input's shape, what flattens it, and the width behind that."""
    kind = b.pick("flat", "flat", "flat", "flatten", "reshape", "transpose", "slice", "gather", "squeeze", "unsqueeze")
    b.note(f"input {kind}")
    if kind == "flatten":
        return [2, width], lambda t: b.node("Flatten", [t], **b.pick({}, {"axis": 1}, *([{"axis": -2}] if b.opset > 10 else []))), 2 * width
    if kind == "reshape":
        return [width, 1], lambda t: _reshape(b, t, width, batch), width
    if kind == "transpose":
        def transposed(t: str) -> str:
            return b.node("Flatten", [b.node("Transpose", [t], perm=[0, 2, 1])])

        return [2, width], transposed, 2 * width
    if kind == "slice" and b.opset >= 10:
        start, step = b.pick(0, 1), b.pick(1, 1, 2)
        kept = len(range(start, width + 2, step))
        bounds = [b.constant([value], np.int64) for value in (start, b.pick(width + 2, 2**31 - 1), b.pick(1, -1), step)]
        return [width + 2], lambda t: b.node("Slice", [t, *bounds]), kept
    if kind == "gather":
        order = b.rng.integers(0, width + 1, width)
        return [width + 1], lambda t: b.node("Gather", [t, b.constant(order, np.int64)], axis=b.pick(1, -1)), width
    if kind == "squeeze":
        return [1, width], lambda t: b.squeeze("Squeeze", t, [1]), width
    if kind == "unsqueeze":
        return [width], lambda t: b.node("Flatten", [b.squeeze("Unsqueeze", t, [b.pick(1, 2)])]), width
    return [width], _unchanged, width


def _unchanged(tensor: str) -> str:
    return tensor


def _reshape(b: Builder, tensor: str, width: int, batch) -> str:
    attributes = {"allowzero": 1} if b.opset >= 14 and b.chance(0.5) else {}
    target = [[-1, width]] + ([] if attributes else [[0, -1], [0, width]]) + ([[1, -1], [1, width]] if batch == 1 else [])
    target = target[b.rng.integers(len(target))]
    b.note(f"Reshape {target} {attributes}")
    return b.node("Reshape", [tensor, b.constant(target, np.int64)], **attributes)


def _standardised(b: Builder, shape: list[int]) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    """(x - mean) / deviation, in one of the ways it is written; and the way back."""
    by_feature = b.chance(0.5)
    size = tuple(shape) if by_feature else ()
    mean, deviation = b.value(-1, 1, size), b.scale(1.0, size)
    if b.chance(0.5):
        tensor = b.node("Div", [b.node("Sub", ["x", b.constant(mean)]), b.constant(deviation)])
    else:
        tensor = b.node("Mul", [b.node("Add", ["x", b.constant(-mean)]), b.constant(np.float32(1) / deviation)])
    b.note("standardised")
    return tensor, lambda values: (values * deviation.reshape(-1) + mean.reshape(-1)).astype(np.float32)


def _annotated(b: Builder, shape, batch, flatten, width: int, features: int) -> Head:
    """Whole numbers come in; operators may bring them to another scale."""
    datatype = b.pick(*ANNOTATIONS, "UINT8", "UINT8", "BIPOLAR")
    low, high = ANNOTATIONS[datatype]
    b.annotations["x"] = datatype
    way = b.pick("none", "div", "div and sub", "by feature")
    b.note(f"input annotated {datatype}, {way}")
    tensor, spread = "x", high / 2
    if way == "div" or way == "div and sub":
        divisor = b.pick(255, 256, 16)
        tensor, spread = b.node("Div", [tensor, b.constant(divisor)]), spread / divisor
    if way == "div and sub":
        offset = b.pick(0.5, 0.25, 0.1307)
        tensor, spread = b.node("Sub", [tensor, b.constant(offset)]), max(spread, offset)
        if b.chance(0.5):
            tensor = b.node("Div", [tensor, b.constant(b.pick(0.5, 0.3081))])
    if way == "by feature":
        tensor = b.node("Sub", [tensor, b.constant(b.value(0, high / 2, tuple(shape)))])
        tensor = b.node("Div", [tensor, b.constant(b.scale(high, tuple(shape)))])
        spread = 0.5
    x = b.rng.choice([low, high], (SAMPLES, features)) if datatype == "BIPOLAR" else b.rng.integers(low, high + 1, (SAMPLES, features))
    signal = Signal(flatten(tensor), width, spread)
    if way != "none" and b.chance(0.4):
        signal, _ = quantised_input(b, signal, b.pick("qdq", "qonnx"))
    return Head(shape, batch, x.astype(np.float32), signal)
