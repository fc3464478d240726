"""Random networks in integer operators: MatMulInteger, QLinearMatMul and onnxruntime's QGemm between QuantizeLinear nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from tests.fuzz.builder import Builder, Signal
from tests.fuzz.operators import applied

T = TensorProto
MICROSOFT = "com.microsoft"
NUMPY = {T.INT8: np.int8, T.UINT8: np.uint8}
LIMITS = {T.INT8: (-128, 127), T.UINT8: (0, 255)}


@dataclass(frozen=True)
class Integers:
    """A tensor of 8-bit integers [batch, width]: float = (integer - zero) * scale."""

    tensor: str
    width: int
    kind: int
    scale: np.float32
    zero: int


def quantise_linear(b: Builder, signal: Signal) -> Integers:
    kind = b.pick(T.INT8, T.UINT8)
    low, high = LIMITS[kind]
    scale = np.float32(b.scale(4 * signal.spread / 255))
    zero = b.pick(0, (low + high + 1) // 2, int(b.rng.integers(low, high + 1)))
    tensor = b.node("QuantizeLinear", [signal.tensor, b.constant(scale), b.constant(zero, NUMPY[kind])])
    b.note(f"QuantizeLinear {T.DataType.Name(kind)} zero {zero} scale {scale}")
    return Integers(tensor, signal.width, kind, scale, zero)


def integer_layer(b: Builder, entering: Integers) -> Integers | Signal:
    """One layer; floats come out of MatMulInteger, and of a QGemm without an output scale."""
    width = int(b.rng.integers(2, 11))
    kind = T.INT8 if entering.kind == T.INT8 else b.pick(T.INT8, T.UINT8)
    weight_zero = b.pick(0, 0, 3) if kind == T.INT8 else b.pick(128, 120)
    values = np.clip(b.rng.integers(-20, 21, (entering.width, width)) + weight_zero, *LIMITS[kind])
    weight_scale = b.scale(1 / 16, b.pick((), (width,)))
    spread = float(entering.scale) * 64 * np.sqrt(entering.width)
    operator = b.pick("MatMulInteger", "QLinearMatMul", "QGemm", "float QGemm")
    b.note(f"{operator} {entering.width} x {width} zero {weight_zero} scale {weight_scale.tolist()}")
    if operator == "MatMulInteger":
        return _matmul_integer(b, entering, values, kind, weight_zero, weight_scale, spread)
    zeros = b.constant(np.full(weight_scale.shape, weight_zero), NUMPY[kind])
    a = [entering.tensor, b.constant(entering.scale), b.constant(entering.zero, NUMPY[entering.kind])]
    scale = np.float32(b.scale(4 * spread / 255))
    zero = int(b.rng.integers(*LIMITS[entering.kind])) if b.chance(0.5) else sum(LIMITS[entering.kind]) // 2 + 1
    leaving = [b.constant(scale), b.constant(zero, NUMPY[entering.kind])]
    if operator == "QLinearMatMul":
        w = [b.constant(values, NUMPY[kind]), b.constant(weight_scale), zeros]
        return Integers(b.node("QLinearMatMul", [*a, *w, *leaving]), width, entering.kind, scale, zero)
    turned = b.pick(0, 1)
    w = [b.constant(values.T if turned else values, NUMPY[kind]), b.constant(weight_scale), zeros]
    bias = b.constant(b.rng.integers(-500, 501, width), np.int32) if b.chance(0.7) else ""
    attributes = {"transB": turned, **({"alpha": b.pick(0.5, 2.0)} if b.chance(0.15) else {})}
    if operator == "float QGemm":
        return Signal(b.node("QGemm", [*a, *w, bias] if bias else [*a, *w], MICROSOFT, **attributes), width, spread)
    return Integers(b.node("QGemm", [*a, *w, bias, *leaving], MICROSOFT, **attributes), width, entering.kind, scale, zero)


def _matmul_integer(b: Builder, entering: Integers, values, kind: int, weight_zero: int, weight_scale, spread: float) -> Signal:
    inputs = [entering.tensor, b.constant(values, NUMPY[kind])]
    if entering.zero or weight_zero or b.chance(0.3):
        inputs.append(b.constant(entering.zero, NUMPY[entering.kind]))
        if weight_zero or b.chance(0.3):
            inputs.append(b.constant(np.full(weight_scale.shape, weight_zero), NUMPY[kind]))
    tensor = b.node("Cast", [b.node("MatMulInteger", inputs)], to=T.FLOAT)
    tensor = b.node("Mul", [tensor, b.constant((entering.scale * weight_scale).astype(np.float32))])
    width = values.shape[1]
    if b.chance(0.6):
        tensor = b.node("Add", [tensor, b.constant(b.value(-spread / 2, spread / 2, width))])
    signal = Signal(tensor, width, spread)
    return applied(b, signal, b.pick("Relu", "Sigmoid", "Clip")) if b.chance(0.5) else signal


def dequantised(b: Builder, integers: Integers) -> Signal:
    constants = [b.constant(integers.scale), b.constant(integers.zero, NUMPY[integers.kind])]
    return Signal(b.node("DequantizeLinear", [integers.tensor, *constants]), integers.width, float(integers.scale) * 128)
