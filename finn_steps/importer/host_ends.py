"""The operators at both ends of a model as HostOps, in the model's order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from finn_steps.accelerator.host import HostOp
from finn_steps.importer.custom_operators import integer_range, rounding_of
from finn_steps.importer.evaluate import Value, run
from finn_steps.importer.levels import type_limits
from finn_steps.importer.lowering import Link
from finn_steps.importer.nodes import attribute
from finn_steps.importer.normal_form import RESHAPING, Network
from finn_steps.importer.operators import HOST, names_in

INDEXING = ("Transpose", "Slice", "Gather")
ROUNDINGS = {"ROUND": "round", "HALF_EVEN": "round", "FLOOR": "floor", "CEIL": "ceil", "DOWN": "trunc"}
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


class NotOnTheHost(ValueError):
    """An operator that no HostOp does."""


def host_operations(links: Sequence[Link], network: Network, behind: bool = False) -> tuple[HostOp, ...]:
    """HostOps for a run of links on [N, width] values, in front of the first layer or `behind` the last. NotOnTheHost, naming the node, for
    what the host does not do."""
    return tuple(op for link in links for op in _operations(link, network, behind))


def quantising_operations(link: Link, network: Network) -> tuple[HostOp, ...]:
    """The host's part of a quantiser: float values -> its integers. NotOnTheHost for one that is not elementary."""
    if link.kind == "QuantizeLinear":
        scale, zero = _scale_and_zero(link, network)
        if network.constants[link.node.input[1]].element != TensorProto.FLOAT:
            raise NotOnTheHost(f"node {link.name} (QuantizeLinear) divides by a scale that is no float32")
        low, high = (int(limit) for limit in type_limits(network.tensors[link.output].element))
        low, high = (max(low, link.levels[0]), min(high, link.levels[1])) if link.levels else (low, high)
        return (HostOp("div", scale), HostOp("round"), *_shift("add", zero), HostOp("clip", [low, high]))
    if link.kind != "Quant":
        raise NotOnTheHost(f"node {link.name} ({link.kind}) is not done on the host")
    scale, zero, bits = (network.constants[name].array for name in link.node.input[1:4])
    signed, rounding = attribute(link.node, "signed", 1), ROUNDINGS.get(rounding_of(link.node, link.name))
    narrow_types = np.result_type(np.float32, scale, zero) == np.float32
    if rounding is None or (signed and np.any(bits == 1)) or not narrow_types:
        raise NotOnTheHost(f"node {link.name} (Quant) is not elementary")
    shape = network.tensors[link.output].shape
    low, high = (_by_feature(limit, shape) for limit in integer_range(signed, attribute(link.node, "narrow", 0), bits))
    clips = (HostOp("clip", [low, high]),) if low.size == high.size == 1 else (HostOp("max", low), HostOp("min", high))
    return (HostOp("div", _by_feature(scale, shape)), *_shift("add", _by_feature(zero, shape)), *clips, HostOp(rounding))


def _operations(link: Link, network: Network, behind: bool) -> list[HostOp]:
    kind, shape = link.kind, network.tensors[link.input].shape
    if kind in RESHAPING:
        return []
    if kind in INDEXING:
        index = index_map(link, network)
        return [] if np.array_equal(index, np.arange(int(np.prod(shape)))) else [HostOp("take", index)]
    if kind in ("Relu", "Sigmoid", "Tanh", "Floor", "Ceil", "Round"):
        return [HostOp(kind.lower())]
    if kind in ("LeakyRelu", "Elu"):
        return [HostOp({"LeakyRelu": "leaky_relu", "Elu": "elu"}[kind], np.float32(attribute(link.node, "alpha", {"Elu": 1.0}.get(kind, 0.01))))]
    if kind == "Softplus":
        return [HostOp("softplus")]
    if kind == "HardSigmoid":
        slope, shift = (np.float32(attribute(link.node, name, default)) for name, default in (("alpha", 0.2), ("beta", 0.5)))
        return [HostOp("mul", slope), HostOp("add", shift), HostOp("clip", [0, 1])]
    if kind == "Neg":
        return [HostOp("mul", np.float32(-1))]
    if kind in ("Softmax", "ArgMax", "TopK", "LogSoftmax"):
        return _along_an_axis(link, network)
    if kind == "Cast":
        return _cast(link, network)
    if kind in ("Clip", "Min", "Max"):
        return [_clip(link, network)]
    if kind == "Mod":
        return [_mod(link, network)]
    if kind == "BatchNormalization":
        return _batch_normalization(link, network, behind)
    if kind in ("Add", "Mul", "Sub", "Div"):
        return _binary(link, network)
    if kind in ("Quant", "QuantizeLinear"):
        integers = quantising_operations(link, network)
        return [*integers, *(_dequantising(link, network) if kind == "Quant" else ())]
    if kind == "DequantizeLinear":
        return list(_dequantising(link, network))
    raise NotOnTheHost(f"node {link.name} ({link.node.op_type}) stands at an end of the model, where the host would do it; supported there: "
                       f"{names_in(HOST)}")


def index_map(link: Link, network: Network) -> np.ndarray:
    """int64 [width of the output]: which element of the input each element of the output is, by running the node on numbers."""
    shape = network.tensors[link.input].shape
    if link.kind == "Transpose" and attribute(link.node, "perm", [1])[0] != 0:
        raise ValueError(f"node {link.name} (Transpose) moves the batch; supported: the batch in front")
    numbers = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(1, *shape)
    values = {**network.constants, link.input: Value(numbers, TensorProto.FLOAT)}
    return run(link.nodes, values, [link.output], network.opset)[link.output].array.reshape(-1).astype(np.int64)


def _along_an_axis(link: Link, network: Network) -> list[HostOp]:
    shape = network.tensors[link.input].shape
    rank = len(shape) + 1
    axis = attribute(link.node, "axis", 0 if link.kind == "ArgMax" else -1) % rank
    if axis == 0:
        raise ValueError(f"node {link.name} ({link.kind}) works along the batch; supported: the other axes")
    before, along, after = int(np.prod(shape[: axis - 1])), shape[axis - 1], int(np.prod(shape[axis:]))
    if link.kind in ("Softmax", "LogSoftmax"):
        return [HostOp("softmax" if link.kind == "Softmax" else "log_softmax", None if before * after == 1 else [before, along, after])]
    if before * after != 1:
        raise ValueError(f"node {link.name} ({link.kind}) makes {before * after} labels; supported: one, over all outputs")
    if link.kind == "ArgMax" and attribute(link.node, "select_last_index", 0):
        raise ValueError(f"node {link.name} (ArgMax) takes the last of equals; supported: select_last_index = 0")
    if link.kind == "TopK":
        _check_top(link, network)
    return [HostOp("argmax")]


def _check_top(link: Link, network: Network) -> None:
    k = int(network.constants[link.node.input[1]].array.flat[0]) if len(link.node.input) > 1 else attribute(link.node, "k", 1)
    if k != 1 or not attribute(link.node, "largest", 1):
        raise ValueError(f"node {link.name} (TopK) gives the {'greatest' if attribute(link.node, 'largest', 1) else 'least'} {k}; supported: "
                         "k = 1, largest")
    if link.output != link.node.output[1]:
        raise ValueError(f"node {link.name} (TopK) gives values; supported: its indices as the model's only output")


def _cast(link: Link, network: Network) -> list[HostOp]:
    before, after = network.tensors[link.input].element, network.tensors[link.output].element
    if after == TensorProto.FLOAT or after == TensorProto.DOUBLE and before != TensorProto.FLOAT16:
        return []
    if before in FLOATS:
        raise NotOnTheHost(f"node {link.name} (Cast) rounds on the host; supported there: casts to float32")
    return []


def _clip(link: Link, network: Network) -> HostOp:
    if link.kind in ("Min", "Max"):
        value = _constant(link, network)
        if value.size != 1:
            return HostOp(link.kind.lower(), _by_feature(value, network.tensors[link.output].shape))
        return HostOp("clip", [-np.inf, value.flat[0]] if link.kind == "Min" else [value.flat[0], np.inf])
    names = [*link.nodes[0].input[1:], "", ""][:2]
    low, high = (float(network.constants[name].array.flat[0]) if name else default for name, default in zip(names, (-np.inf, np.inf)))
    return HostOp("clip", [low, high])


def _mod(link: Link, network: Network) -> HostOp:
    node = link.nodes[-1]
    if not attribute(node, "fmod", 0) or node.input[0] in network.constants:
        raise ValueError(f"node {link.name} (Mod) is no fmod of the data by a constant; supported: fmod = 1, the constant behind")
    value = _by_feature(_constant(link, network), network.tensors[link.output].shape)
    if np.any(value <= 0):
        raise ValueError(f"node {link.name} (Mod) divides by {value.min():g}; supported: numbers above zero")
    return HostOp("mod", value)


def _batch_normalization(link: Link, network: Network, behind: bool) -> list[HostOp]:
    """A factor and a shift, as onnxruntime has them; `behind` the last layer with the parts of the shift, whose roundings it hides."""
    scale, bias, mean, variance = (network.constants[name].array for name in link.node.input[1:5])
    factor = scale / np.sqrt(variance + np.float32(attribute(link.node, "epsilon", 1e-5)))
    shape = network.tensors[link.input].shape
    channels = (-1, *(1 for _ in shape[1:]))
    parts = [np.broadcast_to(value.reshape(channels), (1, *shape)).reshape(-1) for value in (factor, mean * factor, bias)]
    if behind:
        return [HostOp("batch_norm", parts)]
    return [HostOp("mul", _one_or_all(parts[0])), HostOp("add", _one_or_all(parts[2] - parts[1]))]


def _binary(link: Link, network: Network) -> list[HostOp]:
    node = link.nodes[-1]
    value = _by_feature(_constant(link, network), network.tensors[link.output].shape)
    if node.input[0] in network.constants and node.op_type == "Div":
        raise ValueError(f"node {link.name} (Div) divides by the activation; supported: division by constants")
    if node.input[0] in network.constants and node.op_type == "Sub":
        return [HostOp("mul", np.float32(-1)), HostOp("add", value)]
    return [HostOp(node.op_type.lower(), value)]


def _constant(link: Link, network: Network) -> np.ndarray:
    node = link.nodes[-1]
    names = [name for name in node.input if name in network.constants]
    if len(names) != 1:
        raise ValueError(f"node {link.name} ({link.kind}) has {len(names)} constants; supported: one")
    return network.constants[names[0]].array


def _dequantising(link: Link, network: Network) -> tuple[HostOp, ...]:
    """Integers -> values, behind a Quant or as a DequantizeLinear."""
    if link.kind == "Quant":
        shape = network.tensors[link.output].shape
        scale, zero = (_by_feature(network.constants[name].array, shape) for name in link.node.input[1:3])
    else:
        scale, zero = _scale_and_zero(link, network)
    return (*_shift("sub", zero), HostOp("mul", scale))


def _scale_and_zero(link: Link, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Of a QuantizeLinear or DequantizeLinear: for the whole tensor, or for each element of a sample. ValueError for blocks."""
    node, shape = link.node, network.tensors[link.output].shape
    if attribute(node, "block_size", 0):
        raise ValueError(f"node {link.name} ({link.kind}) has blocked quantisation of data; supported: per tensor, or along an axis")
    scale = network.constants[node.input[1]].array
    zero = network.constants[node.input[2]].array if len(node.input) > 2 and node.input[2] else np.float32(0)
    if scale.size == 1:
        return _by_feature(scale, shape), _by_feature(zero, shape)
    axis = attribute(node, "axis", 1) % (len(shape) + 1)
    if axis == 0:
        raise ValueError(f"node {link.name} ({link.kind}) has a scale for each sample of the batch; supported: axes behind the batch")
    spread = tuple(-1 if dimension == axis - 1 else 1 for dimension in range(len(shape)))
    return tuple(_by_feature(np.asarray(value).reshape(spread) if np.size(value) > 1 else value, shape) for value in (scale, zero))


def _shift(op: str, zero: np.ndarray) -> tuple[HostOp, ...]:
    return (HostOp(op, zero),) if np.any(zero) else ()


def _by_feature(value, shape: tuple[int, ...]) -> np.ndarray:
    """A constant that broadcasts against [batch, *shape] as float32, a scalar or [width]."""
    value = np.asarray(value).astype(np.float32)
    if value.size == 1:
        return value.reshape(())
    return np.broadcast_to(value, (1, *shape)).reshape(-1)


def _one_or_all(values: np.ndarray) -> np.ndarray:
    return values[0] if np.all(values == values[0]) else values
