"""What a quantising operator can give: the values of its output, level by level, from its parameters alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from finn_steps.importer.custom_operators import integer_range
from finn_steps.importer.evaluate import NARROW
from finn_steps.importer.lowering import Link
from finn_steps.importer.minifloat import Minifloat
from finn_steps.importer.nodes import attribute
from finn_steps.importer.normal_form import Network
from finn_steps.importer.sizes import check_values

MOST_BITS = 16
"""Of the levels of a quantiser that can be built."""


@dataclass(frozen=True, eq=False)
class Levels:
    """integers int64 [K, 1 or width] and the values float64 that stand for them, same shape; both rise along K.

    A channel with fewer levels than others repeats its last one. bipolar: two levels, -v and +v, with integers 0 and 1.
    """

    integers: np.ndarray
    values: np.ndarray
    bipolar: bool = False


def level_count(link: Link, network: Network) -> int | None:
    """How many levels a link's output has; None where it is no quantiser, or has no limit of its own."""
    limits = _limits(link, network)
    return None if limits is None else int(np.max(limits[1] - limits[0])) + 1


def read_levels(link: Link, network: Network) -> Levels:
    """ValueError, naming the node, for more than 2^MOST_BITS levels. The link must be a quantiser."""
    low, high = _limits(link, network)
    if np.max(high - low) >= 2**MOST_BITS:
        raise ValueError(f"node {link.name} ({link.kind}) gives {int(np.max(high - low)) + 1} levels; supported: up to {MOST_BITS} bits")
    shape = network.tensors[link.output].shape
    check_values(f"node {link.name} ({link.kind}): what it gives by levels and elements", (int(np.max(high - low)) + 1, *shape))
    low, high = (_by_channel(limit, shape) for limit in (low, high))
    integers = np.minimum(low + np.arange(int(np.max(high - low)) + 1)[:, None], high).astype(np.int64)
    return _LEVELS[link.kind](link, network, integers, shape)


def _limits(link: Link, network: Network) -> tuple[np.ndarray, np.ndarray] | None:
    """Least and greatest integer, arrays that broadcast against the tensor."""
    if link.kind == "QuantizeLinear":
        return _quantize_linear_limits(link, network)
    if link.levels is not None:
        return np.array(link.levels[0]), np.array(link.levels[1])
    if link.kind not in _LEVELS:
        return None
    if link.kind in ("BipolarQuant", "Sign"):
        return (np.array(0), np.array(1)) if link.kind == "BipolarQuant" else (np.array(-1), np.array(1))
    if link.kind == "Quant":
        return _quant_limits(link, network)
    if link.kind == "Trunc":
        if len(link.node.input) < 6:
            return None
        bits = _parameter(link, network, 5)
        return integer_range(attribute(link.node, "signed", 1), attribute(link.node, "narrow", 0), bits)
    if link.kind == "FloatQuant":
        return np.array(0), np.array(len(_minifloat(link, network).values) - 1)
    return np.array(0), np.array(_parameter(link, network, 1).shape[1])


def _quantize_linear_limits(link: Link, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Of the element type, and of the Clips that follow."""
    element = network.tensors[link.output].element
    if element in (onnx.TensorProto.INT2, onnx.TensorProto.UINT2) and network.constants[link.node.input[1]].array.size > 1:
        raise ValueError(f"node {link.name} (QuantizeLinear) gives two bits with scales along an axis, which onnxruntime computes wrongly "
                         "(findings/); supported: one scale, or four bits and more")
    low, high = type_limits(element)
    clipped = link.levels or (low, high)
    return np.array(max(low, clipped[0])), np.array(min(high, clipped[1]))


def _quant_limits(link: Link, network: Network) -> tuple[np.ndarray, np.ndarray]:
    bits = np.asarray(_parameter(link, network, 3), np.float64)
    signed, narrow = attribute(link.node, "signed", 1), attribute(link.node, "narrow", 0)
    if signed and np.all(bits == 1):
        return np.array(0), np.array(1)
    low, high = integer_range(signed, narrow, bits)
    if np.any(low != np.rint(low)) or np.any(high != np.rint(high)) or np.any(low > high):
        raise ValueError(f"node {link.name} (Quant) has {bits.min():g} to {bits.max():g} bits; supported: whole numbers above zero")
    return low, high


def type_limits(element: int) -> tuple[np.ndarray, np.ndarray]:
    if element in NARROW:
        bits = 2 if element in (onnx.TensorProto.INT2, onnx.TensorProto.UINT2) else 4
        return integer_range(NARROW[element] is np.int8, False, np.array(bits))
    dtype = onnx.helper.tensor_dtype_to_np_dtype(element)
    if dtype.kind not in "iu":
        raise ValueError(f"a QuantizeLinear to {dtype} is not supported; supported: integers")
    return np.array(np.iinfo(dtype).min), np.array(np.iinfo(dtype).max)


def _parameter(link: Link, network: Network, position: int) -> np.ndarray:
    return network.constants[link.node.input[position]].array


def _by_channel(value, shape: tuple[int, ...]) -> np.ndarray:
    """An array that broadcasts against [batch, *shape] as [1 or width]."""
    value = np.asarray(value)
    if value.size == 1:
        return value.reshape(1)
    return np.broadcast_to(value, (1, *shape)).reshape(-1)


def _quant(link, network, integers, shape) -> Levels:
    scale = _parameter(link, network, 1)
    zero_point = _parameter(link, network, 2)
    bits = _parameter(link, network, 3)
    bipolar = bool(attribute(link.node, "signed", 1) and np.all(bits == 1))
    shown = 2 * integers - 1 if bipolar else integers
    wide = np.result_type(np.float32, scale, zero_point)
    values = (shown.astype(wide) - _by_channel(zero_point, shape).astype(wide)) * _by_channel(scale, shape).astype(wide)
    return _levels(integers, values, bipolar and not np.any(zero_point))


def _bipolar(link, network, integers, shape) -> Levels:
    scale = _by_channel(_parameter(link, network, 1), shape)
    return _levels(integers, (2 * integers - 1).astype(np.float32) * scale, True)


def _trunc(link, network, integers, shape) -> Levels:
    scale, zero_point = (np.asarray(_parameter(link, network, position), np.float64) for position in (1, 2))
    output_scale = np.asarray(_parameter(link, network, 4), np.float64)
    shift = _by_channel(zero_point / 2.0 ** np.round(np.log2(output_scale / scale)), shape)
    return _levels(integers, (integers - shift) * _by_channel(output_scale, shape))


def _float_quant(link, network, integers, shape) -> Levels:
    return _levels(integers, _minifloat(link, network).values[integers] * _by_channel(_parameter(link, network, 1), shape))


def _multithreshold(link, network, integers, shape) -> Levels:
    scale, bias = (np.float32(attribute(link.node, name, default)) for name, default in (("out_scale", 1.0), ("out_bias", 0.0)))
    return _levels(integers, integers.astype(np.float32) * scale + bias)


def _plain(link, network, integers, shape) -> Levels:
    return _levels(integers, integers)


def _levels(integers: np.ndarray, values: np.ndarray, bipolar: bool = False) -> Levels:
    width = max(integers.shape[1], values.shape[1])
    shape = (len(integers), width)
    return Levels(np.broadcast_to(integers, shape), np.broadcast_to(np.asarray(values, np.float32).astype(np.float64), shape), bipolar)


def _minifloat(link: Link, network: Network) -> Minifloat:
    return Minifloat.of(link.node, link.name, [_parameter(link, network, position) for position in range(1, 6)])


_LEVELS = {"Quant": _quant, "BipolarQuant": _bipolar, "Trunc": _trunc, "FloatQuant": _float_quant, "MultiThreshold": _multithreshold,
           "QuantizeLinear": _plain, "Sign": _plain,
           **dict.fromkeys(("QLinearMatMul", "QGemm", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu"), _plain)}
