"""Random quantised weights and biases in a Builder's graph, in all the ways that exporters write them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from tests.fuzz.builder import Builder
from tests.fuzz.quantisers import RANGES, quant_node, quant_range

T = TensorProto
NUMPY = {T.INT8: np.int8, T.UINT8: np.uint8}


@dataclass(frozen=True)
class Weights:
    """tensor: float [inputs, outputs], or its transpose; scale: of each output, or of all."""

    tensor: str
    transposed: bool
    scale: np.ndarray


def weights(b: Builder, inputs: int, outputs: int, style: str, transposed: bool) -> Weights:
    """style: `qdq` or `qonnx`. The tensor is laid out as `transposed` says."""
    shape = (outputs, inputs) if transposed else (inputs, outputs)
    kinds = {"qdq": ["integers"] * 4 + ["float", "float", "clip", "zero point", "blocked"],
             "qonnx": ["quant"] * 6 + ["bipolar", "one bit", "annotated"]}[style]
    made = {"integers": _integers, "float": _float, "clip": _clip, "zero point": _zero_point, "blocked": _blocked,
            "quant": _quant, "bipolar": _bipolar, "one bit": _one_bit, "annotated": _annotated}
    kind = b.pick(*kinds)
    tensor, scale = made[kind](b, shape, 0 if transposed else 1)
    b.note(f"weights {kind} {shape}")
    return Weights(tensor, transposed, scale)


def _random(b: Builder, shape, low: int, high: int) -> np.ndarray:
    values = b.rng.integers(low, high + 1, shape)
    return np.where(b.rng.random(shape) < b.pick(0.0, 0.3, 0.6), 0, values)


def _scales(b: Builder, shape, axis: int, about: float, low_opset: int = 13) -> tuple[np.ndarray, dict]:
    """One scale, or one for each output along `axis`, which may count from the end; now and then the wrong axis."""
    if b.opset < low_opset or b.chance(0.5):
        return b.scale(about), ({"axis": b.pick(0, 1, -1)} if b.opset >= 13 and b.chance(0.3) else {})
    if b.chance(0.04):
        axis = 1 - axis
        b.note("a scale for each input")
    b.note(f"scales along axis {axis}")
    return b.scale(about, shape[axis]), ({} if axis == 1 and b.chance(0.3) else {"axis": b.pick(axis, axis - 2)})


def _integer_type(b: Builder) -> int:
    types = [T.INT8, T.INT8, T.UINT8] + ([T.INT4, T.UINT4, T.INT16] if b.opset >= 21 else [])
    return b.pick(*types, *([T.INT2, T.UINT2] if b.opset >= 25 else []))


def _limits(kind: int) -> tuple[int, int]:
    low, high = RANGES[kind]
    return max(low, -128), min(high, 127)


def _dequantised(b: Builder, integers: str, shape, axis: int, kind: int, zero, about: float) -> tuple[str, np.ndarray]:
    scale, attributes = _scales(b, shape, axis, about)
    constants = [b.constant(scale)]
    if np.any(zero) or b.chance(0.6):
        constants.append(b.constant(np.broadcast_to(zero, scale.shape), kind))
    return b.node("DequantizeLinear", [integers, *constants], **attributes), scale


def _integers(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    kind = _integer_type(b)
    low, high = _limits(kind)
    if kind in NUMPY and b.chance(0.6):
        low, high = max(low, -7), min(high, 7)
    return _dequantised(b, b.constant(_random(b, shape, low, high), kind), shape, axis, kind, 0, 1 / max(high, 1))


def _clip(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    """Brevitas' QCDQ clips integer weights that are narrower than their type."""
    integers = b.clip(b.constant(_random(b, shape, -8, 8), np.int8), -7, 7, np.int8)
    return _dequantised(b, integers, shape, axis, T.INT8, 0, 1 / 8)


def _zero_point(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    kind = b.pick(T.UINT8, T.INT8)
    zero = int(b.pick(128, 3, 7) if kind == T.UINT8 else b.pick(-3, 5))
    integers = np.clip(_random(b, shape, -9, 9) + zero, *RANGES[kind])
    return _dequantised(b, b.constant(integers, kind), shape, axis, kind, zero, 1 / 8)


def _float(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    """Floats behind a QuantizeLinear, as torch.export's path writes them."""
    kind = b.pick(T.INT8, T.UINT8)
    scale, attributes = _scales(b, shape, axis, 1 / 16)
    along = np.expand_dims(scale, 1 - axis if axis == 0 else 0) if scale.ndim and len(scale) == shape[axis] else scale
    if scale.ndim and scale.size != shape[axis]:
        along = np.expand_dims(scale, axis)
    values = b.constant(b.rng.uniform(-9, 9, shape) * along)
    constants = [b.constant(scale), b.constant(np.full(scale.shape, 0 if kind == T.INT8 else 128), kind)]
    tensor = b.node("QuantizeLinear", [values, *constants], **attributes)
    if b.chance(0.3):
        tensor = b.clip(tensor, *((-7, 7) if kind == T.INT8 else (121, 135)), kind=NUMPY[kind])
    return b.node("DequantizeLinear", [tensor, *constants], **attributes), scale


def _blocked(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    """A scale for each block of inputs, from opset 21."""
    inputs = 1 - axis
    if b.opset < 21 or shape[inputs] % 2:
        return _integers(b, shape, axis)
    scale = b.scale(1 / 8, tuple(length // 2 if n == inputs else length for n, length in enumerate(shape)))
    integers = b.constant(_random(b, shape, -7, 7), np.int8)
    constants = [b.constant(scale), b.constant(np.zeros(scale.shape), np.int8)]
    return b.node("DequantizeLinear", [integers, *constants], axis=inputs, block_size=2), np.float32(1 / 8)


def _quant(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    bits, narrow = int(b.rng.integers(2, 9)), int(b.chance(0.6))
    low, high = quant_range(bits, 1, narrow)
    scale = b.scale(1 / 2 ** (bits - 1))
    if b.chance(0.4):
        scale = b.scale(1 / 2 ** (bits - 1), (shape[0], 1) if axis == 0 else (1, shape[1]))
    values = _random(b, shape, low, high) * scale
    if b.chance(0.5):
        values = values + b.rng.uniform(-0.5, 0.5, shape) * scale
    rounding = b.pick("ROUND", "ROUND", "FLOOR", "CEIL", "DOWN", "UP", "HALF_UP", "HALF_DOWN")
    zero = b.pick(-2, 3) if b.chance(0.1) else 0
    return quant_node(b, b.constant(values), scale, zero, bits, 1, narrow, rounding), scale.reshape(-1)


def _bipolar(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    scale = b.scale(0.5)
    return b.qonnx("BipolarQuant", [b.constant(b.rng.normal(size=shape)), b.constant(scale)]), scale


def _one_bit(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    scale = b.scale(0.5)
    return quant_node(b, b.constant(b.rng.normal(size=shape)), scale, 0, 1, 1, 1, "ROUND"), scale


def _annotated(b: Builder, shape, axis: int) -> tuple[str, np.ndarray]:
    """Whole numbers with FINN's annotation."""
    bits = int(b.rng.integers(2, 6))
    tensor = b.constant(_random(b, shape, *quant_range(bits, 1, 0)))
    b.annotations[tensor] = f"INT{bits}"
    return tensor, np.float32(1)


def bias(b: Builder, outputs: int, style: str, scale: np.ndarray, spread: float) -> str:
    """A float tensor [outputs]; `scale` is of one accumulator step."""
    kind = b.pick("float", "float", "quantised")
    b.note(f"bias {kind}")
    if kind == "float":
        return b.constant(b.value(-spread, spread, outputs))
    scale = np.broadcast_to(scale, outputs) if scale.size == outputs and b.chance(0.7) else np.float32(scale.flat[0])
    integers = np.round(b.rng.uniform(-spread, spread, outputs) / scale)
    integers = np.clip(integers, -(2**15), 2**15)
    if style == "qdq":
        constants = [b.constant(scale)] + ([b.constant(np.zeros(scale.shape), np.int32)] if b.chance(0.5) else [])
        return b.node("DequantizeLinear", [b.constant(integers, np.int32), *constants], **({"axis": 0} if scale.ndim else {}))
    return quant_node(b, b.constant(integers * scale), scale, 0, 16, 1, 0, "ROUND")
