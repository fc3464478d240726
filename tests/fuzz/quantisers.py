"""Random quantisers of activations in a Builder's graph: QuantizeLinear pairs and all of QONNX's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from tests.fuzz.builder import Builder, Signal

T = TensorProto
RANGES = {T.INT8: (-128, 127), T.UINT8: (0, 255), T.INT4: (-8, 7), T.UINT4: (0, 15), T.INT2: (-2, 1), T.UINT2: (0, 3),
          T.INT16: (-32768, 32767), T.UINT16: (0, 65535)}
CLIPPABLE = {T.INT8: np.int8, T.UINT8: np.uint8}
"""Integers that onnxruntime's Clip takes."""
ROUNDINGS = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "round", "half_up")


@dataclass(frozen=True)
class Steps:
    """Where a quantiser's values lie, for inputs that reach its ties and ends: (k + 1/2 or k, low..high, - zero) * scale."""

    low: float
    high: float
    zero: float
    scale: np.ndarray


def quantised(b: Builder, signal: Signal, style: str, place: str) -> tuple[Signal, Steps]:
    """style: `qdq`, `qonnx`; place: `input`, `hidden`, `output`."""
    if style == "qdq":
        return _qdq(b, signal, place)
    kinds = ["quant"] * 8 + ["bipolar", "trunc", "trunc", "threshold", "float", "channel bits", "one bit"]
    kind = b.pick(*kinds) if place != "input" else b.pick(*["quant"] * 6, "bipolar", "channel bits", "one bit", "float")
    return {"quant": _quant, "bipolar": _bipolar, "trunc": _trunc, "threshold": _threshold, "float": _float,
            "channel bits": _channel_bits, "one bit": _one_bit}[kind](b, signal)


def _types(opset: int) -> list[int]:
    types = [T.INT8, T.UINT8] * 4
    types += [T.INT4, T.UINT4] * 2 + [T.INT16, T.UINT16] if opset >= 21 else []
    return types + ([T.INT2, T.UINT2] if opset >= 25 else [])


def _qdq(b: Builder, signal: Signal, place: str) -> tuple[Signal, Steps]:
    kind = b.pick(*_types(b.opset))
    low, high = RANGES[kind]
    bounds = None
    if kind in CLIPPABLE and b.chance(0.5):
        bounds = _bounds(b, low, high)
        low, high = bounds
    levels = min(high - low, 2**10)
    zero = 0 if b.chance(0.5) and low <= 0 <= high or b.chance(0.1) else int(b.rng.integers(low, high + 1))
    if kind in (T.INT16, T.UINT16) and zero:
        zero = int(b.rng.integers(0, 100))
    by_channel = b.opset >= 13 and b.chance(0.15)
    about = 4 * signal.spread / max(levels, 1)
    scale = b.scale(about)
    if by_channel:
        scale = (scale * 2.0 ** b.rng.integers(-1, 2, signal.width)).astype(np.float32)
    half = not by_channel and b.opset >= 19 and b.chance(0.08)
    shape = scale.shape
    constants = [b.constant(scale, np.float16 if half else np.float32)]
    if zero or kind != T.UINT8 or b.chance(0.5):
        constants.append(b.constant(np.full(shape, zero), kind))
    attributes = {"axis": b.pick(1, -1)} if by_channel else {}
    tensor = signal.tensor
    if half:
        tensor = b.node("Cast", [tensor], to=T.FLOAT16)
    tensor = b.node("QuantizeLinear", [tensor, *constants], **attributes)
    if bounds:
        tensor = b.clip(tensor, *bounds, kind=CLIPPABLE[kind])
    tensor = b.node("DequantizeLinear", [tensor, *constants], **attributes)
    if half:
        tensor = b.node("Cast", [tensor], to=T.FLOAT)
        scale = scale.astype(np.float16).astype(np.float32)
    b.note(f"{place} {T.DataType.Name(kind)} {low}..{high} zero {zero} scale {scale.tolist()} {attributes or ''}{' float16' * half}")
    return _signal(signal, tensor, low, high, zero, scale), Steps(low, high, zero, scale)


def _bounds(b: Builder, low: int, high: int) -> tuple[int, int]:
    if b.chance(0.6):
        bits = int(b.rng.integers(2, 8))
        return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if low < 0 else (0, 2**bits - 1)
    ends = np.sort(b.rng.choice(np.arange(max(low, -40), min(high, 60)), 2, replace=False))
    return int(ends[0]), int(ends[1])


def _signal(signal: Signal, tensor: str, low: float, high: float, zero: float, scale: np.ndarray) -> Signal:
    spread = min(signal.spread, float(scale.max()) * max(abs(low - zero), abs(high - zero)))
    return Signal(tensor, signal.width, spread or 1.0, float(scale.min()))


def quant_node(b: Builder, tensor: str, scale, zero, bits, signed: int, narrow: int, rounding: str) -> str:
    constants = [b.constant(value) for value in (scale, zero, bits)]
    attributes = {"rounding_mode": rounding} if rounding != "ROUND" or b.chance(0.9) else {}
    return b.qonnx(b.pick("Quant", "Quant", "IntQuant"), [tensor, *constants], signed=signed, narrow=narrow, **attributes)


def quant_range(bits: int, signed: int, narrow: int) -> tuple[int, int]:
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def _quant(b: Builder, signal: Signal, most: int = 8) -> tuple[Signal, Steps]:
    signed = int(b.chance(0.5))
    bits = int(b.rng.integers(2 if signed else 1, most + 1))
    narrow = int(b.chance(0.3) and bits > 1)
    rounding = b.pick("ROUND", "ROUND", *ROUNDINGS)
    low, high = quant_range(bits, signed, narrow)
    zero = int(b.rng.integers(-3, 4)) if b.chance(0.2) else 0
    scale = b.scale(4 * signal.spread / (high - low))
    if b.chance(0.12):
        scale = (scale * 2.0 ** b.rng.integers(-1, 2, (1, signal.width))).astype(np.float32)
    tensor = quant_node(b, signal.tensor, scale, zero, bits, signed, narrow, rounding)
    b.note(f"Quant {bits} bits signed {signed} narrow {narrow} {rounding} zero {zero} scale {scale.tolist()}")
    return _signal(signal, tensor, low, high, zero, scale), Steps(low, high, zero, scale)


def _one_bit(b: Builder, signal: Signal) -> tuple[Signal, Steps]:
    """Signed, of one bit: qonnx makes it -1 and 1."""
    scale = b.scale(signal.spread)
    tensor = quant_node(b, signal.tensor, scale, 0, 1, 1, int(b.chance(0.5)), "ROUND")
    b.note(f"signed one-bit Quant scale {scale}")
    return Signal(tensor, signal.width, float(scale), float(scale)), Steps(-1, 1, 0, scale)


def _channel_bits(b: Builder, signal: Signal) -> tuple[Signal, Steps]:
    """As HGQ has them: bits and step of each channel by its own, the steps in power-of-two ratios."""
    signed, shape = int(b.chance(0.5)), (1, signal.width)
    bits = b.rng.integers(2 if signed else 1, 6, shape)
    scale = (b.scale(2 * signal.spread / 8) * 2.0 ** b.rng.integers(-2, 2, shape)).astype(np.float32)
    tensor = quant_node(b, signal.tensor, scale, 0, bits, signed, 0, "ROUND")
    b.note(f"Quant by channel, bits {bits.tolist()} scale {scale.tolist()} signed {signed}")
    low, high = quant_range(int(bits.max()), signed, 0)
    return _signal(signal, tensor, low, high, 0, scale), Steps(low, high, 0, scale)


def _bipolar(b: Builder, signal: Signal) -> tuple[Signal, Steps]:
    scale = b.scale(1.0)
    b.note(f"BipolarQuant scale {scale}")
    tensor = b.qonnx("BipolarQuant", [signal.tensor, b.constant(scale)])
    return Signal(tensor, signal.width, float(scale), float(scale)), Steps(-1, 1, 0, scale)


def _trunc(b: Builder, signal: Signal) -> tuple[Signal, Steps]:
    """A Quant and the Trunc that drops its lowest bits, in qonnx's first version."""
    bits, signed = int(b.rng.integers(4, 9)), int(b.chance(0.5))
    low, high = quant_range(bits, signed, 0)
    scale = b.scale(4 * signal.spread / (high - low))
    tensor = quant_node(b, signal.tensor, scale, 0, bits, signed, 0, "ROUND")
    kept = int(b.rng.integers(2, bits + 1))
    rounding = b.pick("FLOOR", "FLOOR", "ROUND", "CEIL")
    constants = [b.constant(value) for value in (scale, 0, bits, kept)]
    tensor = b.qonnx("Trunc", [tensor, *constants], rounding_mode=rounding)
    b.note(f"Quant {bits} bits signed {signed} scale {scale}, Trunc to {kept} {rounding}")
    return _signal(signal, tensor, low, high, 0, scale), Steps(low, high, 0, scale)


def _threshold(b: Builder, signal: Signal) -> tuple[Signal, Steps]:
    """FINN's MultiThreshold, one row for all channels or one each."""
    steps, rows = int(b.pick(1, 3, 7, 15)), b.pick(1, signal.width)
    thresholds = np.sort(b.value(-1.5 * signal.spread, 1.5 * signal.spread, (rows, steps)), axis=1)
    scale, bias, datatype = b.pick((1.0, 0.0, "UINT"), (float(b.scale(0.5)), 0.0, "UINT"), (1.0, -(steps + 1) / 2, "INT"),
                                   (2.0, -1.0, "BIPOLAR") if steps == 1 else (1.0, 0.0, "UINT"), (0.25, 0.5, "UINT"))
    bits = max(1, steps.bit_length())
    name = datatype if datatype == "BIPOLAR" else f"{datatype}{max(bits, 2) if datatype == 'INT' else bits}"
    tensor = b.qonnx("MultiThreshold", [signal.tensor, b.constant(thresholds)], out_dtype=name, out_scale=scale, out_bias=bias)
    b.note(f"MultiThreshold {rows} x {steps} scale {scale} bias {bias} {name}")
    return Signal(tensor, signal.width, scale * steps / 2 or 1.0, scale), Steps(-8, 8, 0, np.float32(signal.spread / 8))


def _float(b: Builder, signal: Signal) -> tuple[Signal, Steps]:
    """A minifloat; its values lie on the grid of its subnormals."""
    exponent, mantissa = b.pick((2, 1), (3, 2), (2, 3), (4, 3))
    bias = 2.0 ** (exponent - 1) - 1
    most = 2.0 ** (2**exponent - 1 - bias) * (2 - 2.0**-mantissa)
    scale = b.scale(2 * signal.spread / most)
    constants = [b.constant(value) for value in (scale, exponent, mantissa, bias, most)]
    tensor = b.qonnx("FloatQuant", [signal.tensor, *constants], has_inf=0, has_nan=0, has_subnormal=1, saturation=1)
    b.note(f"FloatQuant {exponent} {mantissa} scale {scale}")
    step = np.float32(scale * 2.0 ** (1 - bias - mantissa))
    return Signal(tensor, signal.width, signal.spread, float(step)), Steps(-16, 16, 0, step)
