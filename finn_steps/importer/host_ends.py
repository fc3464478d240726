"""The float operators at both ends of a model as HostOps, in the model's order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from finn_steps.host import HostOp
from finn_steps.importer.chain import SHAPE_OPERATORS
from finn_steps.importer.model_file import QONNX_DOMAIN, attribute
from finn_steps.importer.quantiser import Levels, Quantiser

SUPPORTED = ("Add", "Sub", "Mul", "Div", "Clip", "Relu", "Sigmoid", "Softmax", "BatchNormalization", "Neg", "Floor", "Round",
             "Quant", *SHAPE_OPERATORS)


def host_operations(nodes: Sequence[onnx.NodeProto], constants: dict[str, np.ndarray], features: int) -> tuple[HostOp, ...]:
    """HostOps for a run of operators on [N, features] values. ValueError, naming the node, for what the host does not do."""
    return tuple(op for node in nodes for op in _operations(node, constants, features))


def quantising_operations(quantiser: Quantiser) -> tuple[HostOp, ...]:
    """The host's part of an input quantiser: float values -> the integers as the network stores them."""
    if np.unique(quantiser.scale).size != 1:
        raise ValueError(f"node {quantiser.name} quantises with a scale for each channel; supported on the host: one scale")
    if quantiser.bipolar:
        raise ValueError(f"node {quantiser.name} makes the input bipolar; supported at the input: Quant of 2 bits or more or "
                         "unsigned, or an input annotated as BIPOLAR")
    rounding = {"ROUND": "round", "HALF_EVEN": "round", "FLOOR": "floor"}.get(quantiser.rounding)
    if rounding is None:
        raise ValueError(f"node {quantiser.name} rounds the input by {quantiser.rounding}; supported at the input: ROUND, FLOOR")
    divide, rounded = HostOp("div", _scalar(quantiser.scale)), HostOp(rounding)
    clip = HostOp("clip", [quantiser.low, quantiser.high])
    shift = (HostOp("add", np.float32(quantiser.zero_point)),) if quantiser.zero_point else ()
    return (divide, rounded, *shift, clip) if quantiser.rounds_first else (divide, *shift, clip, rounded)


def scaling_operations(levels: Levels) -> tuple[HostOp, ...]:
    """The host's part behind an output quantiser: integers -> float values."""
    subtract = (HostOp("sub", np.float32(levels.zero_point)),) if levels.zero_point else ()
    return (*subtract, *((HostOp("mul", levels.scale),) if levels.scale != 1 else ()))


def _operations(node: onnx.NodeProto, constants, features) -> list[HostOp]:
    kind = node.op_type
    if kind in SHAPE_OPERATORS:
        return []
    if node.domain == QONNX_DOMAIN and kind == "Quant":
        quantiser = Quantiser.of(node, constants)
        return [*quantising_operations(quantiser), *scaling_operations(
            Levels(quantiser.low, quantiser.high, _scalar(quantiser.scale), quantiser.zero_point))]
    if kind in ("Relu", "Sigmoid", "Floor", "Round"):
        return [HostOp(kind.lower())]
    if kind == "Neg":
        return [HostOp("mul", np.float32(-1))]
    if kind == "Softmax" and attribute(node, "axis", -1) in (-1, 1):
        return [HostOp("softmax")]
    if kind == "Clip":
        low, high = (_bound(node, constants, i, default) for i, default in ((1, -np.inf), (2, np.inf)))
        return [HostOp("clip", [low, high])]
    if kind == "BatchNormalization":
        scale, bias, mean, variance = (constants[name] for name in node.input[1:5])
        factor = scale / np.sqrt(variance + np.float32(attribute(node, "epsilon", 1e-5)))
        return [HostOp("mul", factor), HostOp("add", bias - mean * factor)]
    if kind in ("Add", "Mul", "Sub", "Div"):
        return _binary(node, constants, features)
    raise ValueError(f"node {node.name} ({kind}) stands at an end of the model, where the host would do it; supported there: "
                     f"{', '.join(SUPPORTED)}")


def _binary(node, constants, features) -> list[HostOp]:
    position = 1 if node.input[1] in constants else 0
    value = _value(node, constants[node.input[position]], features)
    if position == 0 and node.op_type == "Div":
        raise ValueError(f"node {node.name} (Div) divides by the activation; supported: division by constants")
    if position == 0 and node.op_type == "Sub":
        return [HostOp("mul", np.float32(-1)), HostOp("add", value)]
    return [HostOp(node.op_type.lower(), value)]


def _value(node, value: np.ndarray, features: int) -> np.ndarray:
    if value.size == 1:
        return _scalar(value)
    if value.size != features:
        raise ValueError(f"node {node.name} ({node.op_type}) has a constant of shape {value.shape}; supported: one value, or one "
                         f"for each of {features}")
    return value.reshape(-1).astype(np.float32)


def _bound(node, constants, index, default) -> float:
    if len(node.input) > index and node.input[index]:
        return float(constants[node.input[index]])
    return float(attribute(node, ("", "min", "max")[index], default))


def _scalar(value) -> np.ndarray:
    return np.float32(np.asarray(value).flat[0])
