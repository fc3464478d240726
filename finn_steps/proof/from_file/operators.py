"""What each operator of a file means for one number, in exact arithmetic: from the texts of ONNX and QONNX."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

import numpy as np
import onnx

from finn_steps.proof.from_file.exact import ROUNDINGS, Step, monotone, moved, off, product, rational, root, scaled, wrapping
from finn_steps.proof.limits import NotUnderstood

UNCHANGED = ("Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze")
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
INTEGERS = {name: (0 if name.startswith("u") else -(1 << bits - 1), (1 << bits - (not name.startswith("u"))) - 1)
            for bits in (2, 4, 8, 16, 32) for name in (f"int{bits}", f"uint{bits}")}


class Operator:
    """A node with its constants: `values[i]` is input i as an object array of Fraction (None where it is not given or is the data), and
    `types[i]` the name of its element type. `shape` is that of the data, [1, width] for an activation."""

    def __init__(self, node: onnx.NodeProto, values: list, types: list, shape: tuple[int, ...], opset: int):
        self.node, self.values, self.types, self.shape, self.opset = node, values, types, shape, opset
        self.attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        self.name = f"{node.name or node.output[0]} ({node.op_type})"

    def steps(self) -> list[Step]:
        """NotUnderstood, naming the node, where it is none that is known here."""
        if self.node.op_type in UNCHANGED:
            return []
        made = _MAKERS.get(self.node.op_type)
        if made is None:
            raise NotUnderstood(f"node {self.name} is not known in exact arithmetic")
        return made(self)

    def given(self, place: int) -> bool:
        return place < len(self.values) and self.values[place] is not None

    def channels(self, place: int, default=None) -> list[Fraction]:
        """A constant for each element of the data."""
        if not self.given(place):
            if default is None:
                raise NotUnderstood(f"node {self.name}: its input {place} is no constant")
            return [Fraction(default)] * int(np.prod(self.shape))
        return self._spread(self.values[place])

    def _spread(self, value: np.ndarray) -> list[Fraction]:
        try:
            return list(np.broadcast_to(value, self.shape).reshape(-1))
        except ValueError:
            raise NotUnderstood(f"node {self.name}: a constant of shape {list(value.shape)} does not fit data of {list(self.shape)}") from None

    def along_axis(self, place: int, default=None) -> list[Fraction]:
        """A constant by tensor, or along the attribute `axis`."""
        if self.given(place) and self.values[place].ndim == 1 and self.values[place].size > 1:
            axis = self.attributes.get("axis", 1) % len(self.shape)
            return self._spread(self.values[place].reshape([-1 if place == axis else 1 for place in range(len(self.shape))]))
        return self.channels(place, default)

    def other(self) -> int:
        """Which of two inputs is the constant."""
        if self.given(0) == self.given(1):
            raise NotUnderstood(f"node {self.name} does not join data and a constant")
        return 0 if self.given(0) else 1


def points(values: list[Fraction]) -> list:
    return [(value, value) for value in values]


def inverse(operator: Operator, values: list[Fraction]) -> list:
    if not all(values):
        raise NotUnderstood(f"node {operator.name} divides by zero")
    return points([1 / value for value in values])


def _add(operator: Operator) -> list[Step]:
    return moved(operator.name, operator.channels(operator.other()))


def _sub(operator: Operator) -> list[Step]:
    place = operator.other()
    amounts = operator.channels(place)
    if place:
        return moved(operator.name, [-amount for amount in amounts])
    return _negative(operator) + moved(operator.name, amounts)


def _mod(operator: Operator) -> list[Step]:
    if not operator.other() or any(modulus <= 0 for modulus in operator.channels(1)):
        raise NotUnderstood(f"node {operator.name} divides by the data, or by a number that is not above 0")
    return [wrapping(operator.name, operator.channels(1), not operator.attributes.get("fmod", 0))]


def _negative(operator: Operator) -> list[Step]:
    return [Step(operator.name, lambda x, c: (-x[1], -x[0]), affine=True)]


def _mul(operator: Operator) -> list[Step]:
    return scaled(operator.name, points(operator.channels(operator.other())))


def _div(operator: Operator) -> list[Step]:
    if not operator.other():
        raise NotUnderstood(f"node {operator.name} divides by the data")
    return scaled(operator.name, inverse(operator, operator.channels(1)))


def _relu(operator: Operator) -> list[Step]:
    return [monotone(operator.name, lambda x, c: max(x, Fraction(0)))]


def _leaky(operator: Operator) -> list[Step]:
    count = int(np.prod(operator.shape))
    slopes = operator.channels(1) if operator.node.op_type == "PRelu" else [Fraction(operator.attributes.get("alpha", 0.01))] * count
    if any(slope < 0 for slope in slopes):
        raise NotUnderstood(f"node {operator.name} is not monotone")
    return [monotone(operator.name, lambda x, c: x if x >= 0 else slopes[c] * x, rounds=True)]


def _clip(operator: Operator) -> list[Step]:
    ends = [operator.values[place].reshape(-1)[0] if operator.given(place) else None for place in (1, 2)]
    ends = [Fraction(operator.attributes[key]) if key in operator.attributes else end for key, end in zip(("min", "max"), ends)]
    return _between(operator.name, *([end] * int(np.prod(operator.shape)) for end in ends))


def _between(name: str, low: list, high: list) -> list[Step]:
    def clipped(x: Fraction, c: int) -> Fraction:
        x = x if low[c] is None else max(x, low[c])
        return x if high[c] is None else min(x, high[c])
    return [monotone(name, clipped)]


def _min_max(operator: Operator) -> list[Step]:
    choose, bounds = {"Min": min, "Max": max}[operator.node.op_type], operator.channels(operator.other())
    return [monotone(operator.name, lambda x, c: choose(x, bounds[c]))]


def _rounding(operator: Operator) -> list[Step]:
    function = {"Round": round, "Floor": floor, "Ceil": ceil}[operator.node.op_type]
    return [monotone(operator.name, lambda x, c: Fraction(function(x)))]


def _cast(operator: Operator) -> list[Step]:
    if operator.attributes["to"] not in FLOATS:
        raise NotUnderstood(f"node {operator.name} makes integers")
    return [Step(operator.name, lambda x, c: x, rounds=True, affine=True)]


def _quant(operator: Operator) -> list[Step]:
    """clip(x / scale + zero point), rounded; then back."""
    scale, zero, bits = (operator.channels(place) for place in (1, 2, 3))
    signed, narrow = operator.attributes.get("signed", 1), operator.attributes.get("narrow", 1)
    mode = operator.attributes.get("rounding_mode", b"ROUND").decode().upper()
    if mode not in ROUNDINGS or any(width.denominator != 1 or width < 1 for width in bits):
        raise NotUnderstood(f"node {operator.name}: rounding mode {mode}, or a width that is no whole number")
    into = scaled(operator.name, inverse(operator, scale)) + moved(operator.name, zero)
    if signed and any(width == 1 for width in bits):
        if any(width != 1 for width in bits):
            raise NotUnderstood(f"node {operator.name} has one bit in some channels only")
        into.append(_sign(operator))
    else:
        low = [Fraction(-(1 << int(width) - 1) + narrow if signed else 0) for width in bits]
        high = [Fraction((1 << int(width) - 1) - 1 if signed else (1 << int(width)) - 1 - narrow) for width in bits]
        into += _between(operator.name, low, high)
        into.append(monotone(operator.name, lambda x, c: Fraction(ROUNDINGS[mode](x)), levels=True))
    return into + moved(operator.name, [-value for value in zero]) + scaled(operator.name, points(scale))


def input_quantiser(bits: int, scale: float, zero_point: int, signed: bool, width: int) -> list[Step]:
    """What `--input-quant` puts in front of a file: a Quant."""
    node = onnx.helper.make_node("Quant", ["x", "scale", "zero", "bits"], ["y"], "input_quant", signed=int(signed), narrow=0)
    values = [None, *(rational(np.float32(value)) for value in (scale, zero_point, bits))]
    return Operator(node, values, ["float32"] * 4, (1, width), 0).steps()


def _sign(operator: Operator) -> Step:
    return monotone(operator.name, lambda x, c: Fraction(1 if x >= 0 else -1), levels=True)


def _bipolar(operator: Operator) -> list[Step]:
    return [_sign(operator), *scaled(operator.name, points(operator.channels(1)))]


def quantise(operator: Operator, scale: list[Fraction], zero: list[Fraction], kind: str) -> list[Step]:
    """As QuantizeLinear: round(x / scale) + zero point, saturated."""
    if kind not in INTEGERS:
        raise NotUnderstood(f"node {operator.name} gives {kind}")
    low, high = INTEGERS[kind]

    def stored(x: Fraction, c: int) -> Fraction:
        return Fraction(min(max(round(x) + int(zero[c]), low), high))
    return [*scaled(operator.name, inverse(operator, scale)), monotone(operator.name, stored, levels=True)]


def requantise(operator: Operator, scale: list[Fraction], zero: list[Fraction], kind: str) -> list[Step]:
    """quantise, of a whole sum times one factor that has been made of three scales in float32."""
    return [off(operator.name, 4), *quantise(operator, scale, zero, kind)]


def dequantise(operator: Operator, scale: list[Fraction], zero: list[Fraction]) -> list[Step]:
    return moved(operator.name, [-value for value in zero]) + scaled(operator.name, points(scale))


def _multi_threshold(operator: Operator) -> list[Step]:
    """FINN's: out_scale * (thresholds reached) + out_bias."""
    thresholds = operator.values[1]
    rows = np.broadcast_to(thresholds, (int(np.prod(operator.shape)), thresholds.shape[1]))
    scale, bias = (Fraction(float(np.float32(operator.attributes.get(name, value)))) for name, value in (("out_scale", 1.0), ("out_bias", 0.0)))
    count = monotone(operator.name, lambda x, c: Fraction(sum(x >= threshold for threshold in rows[c])), levels=True)
    return [count, *scaled(operator.name, points([scale] * len(rows))), *moved(operator.name, [bias] * len(rows))]


def _quantise_linear(operator: Operator) -> list[Step]:
    if operator.attributes.get("block_size", 0):
        raise NotUnderstood(f"node {operator.name} has scales by blocks")
    return quantise(operator, operator.along_axis(1), operator.along_axis(2, 0), operator.types[2] if operator.given(2) else "uint8")


def _dequantise_linear(operator: Operator) -> list[Step]:
    if operator.attributes.get("block_size", 0):
        raise NotUnderstood(f"node {operator.name} has scales by blocks")
    return dequantise(operator, operator.along_axis(1), operator.along_axis(2, 0))


def _batch_norm(operator: Operator) -> list[Step]:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias; in floats in any order, so off by 6 u of its parts."""
    weight, bias, mean, variance = (operator._spread(operator.values[place].reshape(1, -1)) for place in (1, 2, 3, 4))
    epsilon = Fraction(float(np.float32(operator.attributes.get("epsilon", 1e-5))))
    if any(value + epsilon <= 0 for value in variance) or operator.attributes.get("training_mode", 0):
        raise NotUnderstood(f"node {operator.name} has a variance that is not above zero, or trains")
    roots = [root(value + epsilon) for value in variance]
    factors = [product((w, w), (1 / high, 1 / low)) for w, (low, high) in zip(weight, roots)]

    def size(x, c: int) -> Fraction:
        factor = max(abs(end) for end in factors[c])
        return 6 * (factor * (max(abs(end) for end in x) + abs(mean[c])) + abs(bias[c]))

    def normalised(x, c: int):
        low, high = product((x[0] - mean[c], x[1] - mean[c]), factors[c])
        return low + bias[c], high + bias[c]
    return [Step(operator.name, normalised, rounds=True, affine=True, size=size)]


_MAKERS: dict[str, Callable[[Operator], list[Step]]] = {
    "Add": _add, "Sub": _sub, "Mul": _mul, "Div": _div, "Mod": _mod, "Neg": _negative, "Relu": _relu, "LeakyRelu": _leaky, "PRelu": _leaky,
    "Clip": _clip, "Min": _min_max, "Max": _min_max, "Round": _rounding, "Floor": _rounding, "Ceil": _rounding, "Cast": _cast,
    "Quant": _quant, "IntQuant": _quant, "BipolarQuant": _bipolar, "QuantizeLinear": _quantise_linear,
    "DequantizeLinear": _dequantise_linear, "MultiThreshold": _multi_threshold, "BatchNormalization": _batch_norm,
}
