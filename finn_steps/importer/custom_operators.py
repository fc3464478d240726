"""QONNX' and FINN's operators in ONNX' own, step by step as qonnx' executor computes them.

Each function takes the node, the arrays of its parameters and an Emitter, and leaves nodes that end in the emitter's output.
Where a parameter is of a wider type than float32, qonnx computes wider (numpy's rules) and rounds the result to float32 at the end.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from finn_steps.importer.emitter import Emitter
from finn_steps.importer.minifloat import Minifloat
from finn_steps.importer.nodes import attribute

ROUNDINGS = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
"""Of QONNX, as its executor knows them."""


def rounding_of(node: onnx.NodeProto, name: str, default: str = "ROUND") -> str:
    """ValueError, naming the node, for a rounding mode that qonnx' executor does not know."""
    mode = attribute(node, "rounding_mode", default).upper()
    if mode not in ROUNDINGS:
        raise ValueError(f"node {name} ({node.op_type}) has rounding mode {mode}; supported: {', '.join(ROUNDINGS)}")
    return mode


def integer_range(signed: bool, narrow: bool, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest integer of a QONNX width, elementwise; float64."""
    bits = np.asarray(bits, np.float64)
    if signed:
        return -(2.0 ** (bits - 1)) + bool(narrow), 2.0 ** (bits - 1) - 1
    return 0.0 * bits, 2.0**bits - 1 - bool(narrow)


def quant(node, name: str, parameters: list[np.ndarray], emit: Emitter) -> None:
    """Div(scale), Add(zero point), Clip, Round, Sub(zero point), Mul(scale); of one signed bit: the sign instead of Clip and Round."""
    scale, zero_point, bits = parameters
    wide = np.result_type(np.float32, scale)
    y = emit.add("Div", _input(node, wide, emit), emit.constant(scale, wide))
    wide, y = _shifted("Add", y, wide, zero_point, emit)
    signed = attribute(node, "signed", 1)
    if signed and np.all(bits == 1):
        y = _sign(y, wide, emit)
    else:
        low, high = integer_range(signed, attribute(node, "narrow", 0), bits)
        y = _clip(y, wide, low, high, emit)
        y = _round(y, wide, rounding_of(node, name), emit)
    wide, y = _shifted("Sub", y, wide, zero_point, emit)
    _scaled(y, wide, scale, emit)


def bipolar_quant(node, name: str, parameters: list[np.ndarray], emit: Emitter) -> None:
    y = _sign(_input(node, np.float32, emit), np.float32, emit)
    _scaled(y, np.float32, parameters[0], emit)


def trunc(node, name: str, parameters: list[np.ndarray], emit: Emitter, version: int) -> None:
    """Both versions: to integers, divided by a power of two, rounded; version 2 clips and has a scale of its own."""
    scale, zero_point = parameters[:2]
    wide = np.result_type(np.float32, scale)
    y = emit.add("Div", _input(node, wide, emit), emit.constant(scale, wide))
    wide, y = _shifted("Add", y, wide, zero_point, emit)
    y = emit.add("Round", y)
    mode = rounding_of(node, name, "FLOOR")
    if version == 1:
        factor = 2.0 ** (np.float64(parameters[2]) - np.float64(parameters[3]))
        y = _round(emit.add("Div", y, emit.constant(factor, wide)), wide, mode, emit)
        wide, y = _shifted("Sub", y, wide, zero_point, emit)
        return _scaled(y, wide, scale, emit)
    output_scale, output_bits = parameters[3:5]
    factor = 2.0 ** np.round(np.log2(np.float64(output_scale) / np.float64(scale)))
    y = emit.add("Div", y, emit.constant(factor, wide))
    y = _clip(y, wide, *integer_range(attribute(node, "signed", 1), attribute(node, "narrow", 0), output_bits), emit)
    y = _round(y, wide, mode, emit)
    wide, y = _shifted("Sub", y, wide, zero_point / factor.astype(wide), emit)
    _scaled(y, wide, output_scale, emit)


def float_quant(node, name: str, parameters: list[np.ndarray], emit: Emitter) -> None:
    """A step function: which of the minifloat's values, by the least input that reaches each."""
    scale = np.asarray(parameters[0], np.float32)
    numbers = Minifloat.of(node, name, parameters)
    y = emit.add("Div", _input(node, np.float32, emit), emit.constant(scale))
    counted = _count(y, numbers.thresholds[None], emit)
    index = emit.add("Cast", counted, to=TensorProto.INT64)
    y = emit.add("Gather", emit.constant(numbers.values), index, axis=0)
    emit.add("Mul", y, emit.constant(scale), output=emit.output)


def multithreshold(node, name: str, parameters: list[np.ndarray], emit: Emitter) -> None:
    """The number of thresholds [channels or 1, steps] that a value reaches, times out_scale, plus out_bias."""
    y = _count(_input(node, np.float32, emit), np.sort(np.asarray(parameters[0], np.float32), axis=1), emit)
    y = emit.add("Mul", y, emit.constant(attribute(node, "out_scale", 1.0)))
    emit.add("Add", y, emit.constant(attribute(node, "out_bias", 0.0)), output=emit.output)


def _input(node, dtype, emit: Emitter) -> str:
    return emit.cast(node.input[0], dtype)


def _shifted(kind: str, y: str, wide, zero_point, emit: Emitter):
    """(type, tensor) behind Add or Sub of a zero point; nothing where it is zero and no wider."""
    wider = np.result_type(wide, zero_point)
    if wider != wide:
        y = emit.cast(y, wider)
    return wider, emit.add(kind, y, emit.constant(zero_point, wider)) if np.any(zero_point) else y


def _scaled(y: str, wide, scale, emit: Emitter) -> None:
    wider = np.result_type(wide, scale)
    if wider != wide:
        y = emit.cast(y, wider)
    y = emit.add("Mul", y, emit.constant(scale, wider))
    emit.cast(y, np.float32, emit.output)


def _clip(y: str, wide, low, high, emit: Emitter) -> str:
    return emit.add("Max", emit.add("Min", y, emit.constant(high, wide)), emit.constant(low, wide))


def _sign(y: str, wide, emit: Emitter) -> str:
    positive = emit.add("GreaterOrEqual", y, emit.constant(0, wide))
    return emit.add("Where", positive, emit.constant(1, wide), emit.constant(-1, wide))


def _round(y: str, wide, mode: str, emit: Emitter) -> str:
    """Modes away from or towards zero work on sizes, with the same additions of 0.5 as qonnx."""
    if mode in ("ROUND", "HALF_EVEN"):
        return emit.add("Round", y)
    if mode in ("CEIL", "FLOOR"):
        return emit.add(mode.capitalize(), y)
    size = emit.add("Abs", y)
    if mode in ("HALF_UP", "HALF_DOWN"):
        size = emit.add("Add" if mode == "HALF_UP" else "Sub", size, emit.constant(0.5, wide))
    size = emit.add("Floor" if mode in ("DOWN", "HALF_UP") else "Ceil", size)
    return emit.add("Mul", size, emit.add("Sign", y))


def _count(y: str, thresholds: np.ndarray, emit: Emitter) -> str:
    """How many of `thresholds`, float32 [channels or 1, steps], each value of y [N, ..., channels] reaches; float32."""
    last = emit.constant([-1], np.int64)
    reached = emit.add("GreaterOrEqual", emit.add("Unsqueeze", y, last), emit.constant(thresholds))
    return emit.add("ReduceSum", emit.add("Cast", reached, to=TensorProto.FLOAT), last, keepdims=0)
