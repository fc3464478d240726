"""Random float operators in a Builder's graph: behind a layer, behind a quantiser, at the model's end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import TensorProto

from tests.fuzz.builder import Builder, Signal

T = TensorProto
LINEAR = ("Add", "Sub", "Mul", "Div", "Neg", "BatchNormalization", "reversed Sub")
MONOTONE = (*LINEAR, "Relu", "Relu", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Softplus", "Softsign", "Sigmoid", "Tanh",
            "HardSigmoid", "Min", "Max", "Clip", "Cast", "Floor", "Ceil", "Round", "ThresholdedRelu", "Identity", "Dropout")
BEHIND = ("Relu", "Relu", "Mul", "Add", "Clip", "BatchNormalization", "Cast", "Identity", "Dropout", "Neg", "Max", "LeakyRelu", "Sub")
TAIL = ("Add", "Mul", "Sub", "Div", "Relu", "Sigmoid", "BatchNormalization", "Clip", "Neg", "Tanh", "Cast", "Identity")
SINCE = {"Celu": 12, "HardSigmoid": 6, "ThresholdedRelu": 10, "Round": 11}


def applied(b: Builder, signal: Signal, kind: str) -> Signal:
    """The operator behind the signal, with constants that suit it."""
    if b.opset < SINCE.get(kind, 0):
        return signal
    b.note(kind)
    if kind in ("Add", "Sub", "Mul", "Div", "Min", "Max", "reversed Sub"):
        return _with_constant(b, signal, kind)
    if kind == "BatchNormalization":
        return _batch_norm(b, signal)
    if kind == "PRelu":
        slope = b.value(0, 0.9, b.pick((1,), (signal.width,), (1, signal.width)))
        return replace(signal, tensor=b.node(kind, [signal.tensor, b.constant(slope)]), step=None)
    if kind == "Clip":
        low, high = b.pick((0, 1.5), (-1, 1), (None, 1), (-0.5, None), (0, None))
        scaled = [None if bound is None else float(bound * signal.spread) for bound in (low, high)]
        if b.pow2:
            scaled = [None if bound is None else np.round(bound * 64) / 64 for bound in scaled]
        return replace(signal, tensor=b.clip(signal.tensor, *scaled))
    if kind == "Cast":
        wide = b.node("Cast", [signal.tensor], to=b.pick(T.DOUBLE, T.FLOAT16, T.FLOAT))
        return replace(signal, tensor=b.node("Cast", [wide], to=T.FLOAT))
    attributes = {"LeakyRelu": {"alpha": b.pick(0.125, 0.1)}, "Elu": {"alpha": b.pick(1.0, 0.5)}, "Celu": {"alpha": b.pick(1.0, 2.0)},
                  "HardSigmoid": b.pick({}, {"alpha": 0.25, "beta": 0.5}), "ThresholdedRelu": {"alpha": 0.5}}.get(kind, {})
    tensor = b.node(kind, [signal.tensor], **attributes)
    spread = {"Sigmoid": 0.5, "Tanh": 1.0, "Softsign": 1.0, "HardSigmoid": 0.5}.get(kind, signal.spread)
    return replace(signal, tensor=tensor, spread=spread, step=None)


def _with_constant(b: Builder, signal: Signal, kind: str) -> Signal:
    shape = b.pick((), (1,), (signal.width,), (1, signal.width))
    if kind in ("Mul", "Div"):
        factor = b.pick(0.5, 2.0, 0.25) if b.pow2 else float(b.rng.uniform(0.4, 2))
        signs = np.where(b.rng.random(shape) < 0.1, -1, 1)
        value, spread = np.full(shape, factor) * signs, signal.spread * (factor if kind == "Mul" else 1 / factor)
    else:
        value, spread = b.value(-signal.spread / 2, signal.spread / 2, shape), signal.spread
        if signal.step and b.chance(0.7):
            value = np.round(value / signal.step) * signal.step
    inputs = [signal.tensor, b.constant(value)]
    if kind == "reversed Sub" or (kind in ("Add", "Mul", "Min", "Max") and b.chance(0.3)):
        inputs.reverse()
    return replace(signal, tensor=b.node(kind.split()[-1], inputs), spread=spread)


def _batch_norm(b: Builder, signal: Signal) -> Signal:
    width = signal.width
    gain = b.rng.uniform(0.5, 2, width) * np.where(b.rng.random(width) < 0.15, -1, 1)
    values = (gain, b.value(-0.5, 0.5, width) * signal.spread, b.value(-0.5, 0.5, width) * signal.spread,
              b.rng.uniform(0.5, 2, width) * signal.spread**2)
    tensor = b.node("BatchNormalization", [signal.tensor, *(b.constant(value) for value in values)], epsilon=1e-5)
    return replace(signal, tensor=tensor, spread=1.0 + signal.spread / 2, step=None)


def tail(b: Builder, signal: Signal) -> tuple[str, list | None, int]:
    """Operators at the model's end: the output's tensor, its shape behind the batch, and its type."""
    for _ in range(b.pick(0, 0, 1, 2)):
        signal = applied(b, signal, b.pick(*TAIL))
    kind = b.pick(*["none"] * 6, *["softmax"] * 4, *["reshaped softmax"] * 3, "log softmax", *["argmax"] * 2, *["topk"] * 2, "flatten")
    if signal.width < 2:
        kind = "none"
    b.note(f"tail {kind}")
    tensor, width = signal.tensor, signal.width
    if kind == "softmax":
        return b.node("Softmax", [tensor], **b.pick({}, {"axis": 1}, {"axis": -1})), [width], T.FLOAT
    if kind == "log softmax":
        return b.node("LogSoftmax", [tensor], axis=b.pick(1, -1)), [width], T.FLOAT
    if kind == "reshaped softmax":
        return _reshaped_softmax(b, tensor, width)
    if kind == "argmax":
        keep, last = b.pick(0, 1), b.pick(0, 1) if b.opset >= 12 and b.chance(0.3) else 0
        attributes = {"select_last_index": last} if b.opset >= 12 else {}
        return b.node("ArgMax", [tensor], axis=b.pick(1, -1), keepdims=keep, **attributes), [1] if keep else [], T.INT64
    if kind == "topk" and b.opset >= 11:
        values = b.node("TopK", [tensor, b.constant([1], np.int64)], axis=-1)
        b.nodes[-1].output.append(f"{values}_indices")
        return f"{values}_indices", [1], T.INT64
    if kind == "flatten":
        return b.node("Flatten", [tensor], axis=1), [width], T.FLOAT
    return tensor, [width], T.FLOAT


def _reshaped_softmax(b: Builder, tensor: str, width: int) -> tuple[str, list, int]:
    parts = b.pick(*[n for n in range(1, width + 1) if width % n == 0])
    shape = [parts, width // parts]
    attributes = {"allowzero": b.pick(0, 1)} if b.opset >= 14 and b.chance(0.3) else {}
    batch = -1 if attributes.get("allowzero") else 0
    target = b.pick([batch, *shape], [-1, *shape], [-1, *shape, 1])
    tensor = b.node("Reshape", [tensor, b.constant(target, np.int64)], **attributes)
    axes = [axis for axis in range(1, len(target)) if target[axis] > 1] or [1]
    axis = b.pick({}, *({"axis": axis} for axis in axes), *({"axis": axis - len(target)} for axis in axes))
    tensor = b.node("Softmax", [tensor], **axis)
    if b.chance(0.4):
        tensor, target = b.node("Reshape", [tensor, b.constant([-1, width], np.int64)]), [-1, width]
    return tensor, target[1:], T.FLOAT
