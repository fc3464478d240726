"""The constant operand of a layer: its real values, and the integers and scales that its quantiser gave it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from finn_steps.importer.evaluate import Value, run
from finn_steps.importer.grid import common_step
from finn_steps.importer.lowering import Link
from finn_steps.importer.nodes import attribute
from finn_steps.importer.normal_form import Network

SHAPING = ("Transpose", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast")
MOST_BITS = 16
MOST_INPUTS, MOST_NEURONS = 2**16, 2**13
"""Of a layer."""
RELATIVE = 2.0**-21
SEVERAL = 2**12


@dataclass(frozen=True, eq=False)
class Weights:
    """values float64 [MH, MW], as the model multiplies by them; = integers (int64) * scale (float64, above 0), to a float32 rounding."""

    values: np.ndarray
    integers: np.ndarray
    scale: np.ndarray


def read_weights(link: Link, network: Network) -> Weights:
    """Of a MatMul or MatMulInteger link. ValueError, naming the node, where they are not constant, no matrix, or not quantised."""
    node = link.nodes[-1]
    tensor = node.input[1]
    if tensor not in network.constants:
        raise ValueError(f"node {link.name} ({link.node.op_type}) multiplies by {tensor}, which is no constant; supported: constant weights "
                         "on the right")
    operand = network.constants[tensor].array.astype(np.float64)
    if operand.ndim != 2:
        raise ValueError(f"node {link.name} ({link.node.op_type}) has weights of shape {operand.shape}; supported: matrices")
    if operand.shape[0] > MOST_INPUTS or operand.shape[1] > MOST_NEURONS or 0 in operand.shape:
        raise ValueError(f"node {link.name} ({link.node.op_type}) takes {operand.shape[0]:,} values and gives {operand.shape[1]:,}; supported: "
                         f"1 to {MOST_INPUTS:,}, and 1 to {MOST_NEURONS:,}")
    if not np.all(np.isfinite(operand)):
        raise ValueError(f"node {link.name} ({link.node.op_type}) has weights that are no numbers")
    if link.kind == "MatMulInteger":
        zero = network.constants[node.input[3]].array.astype(np.float64) if len(node.input) > 3 and node.input[3] else 0.0
        values = (operand - zero).T
        return Weights(values, values.astype(np.int64), np.ones_like(values))
    scale = _scale(tensor, network)
    values = operand.T
    for candidate in (None if scale is None else np.abs(scale.T), _common(values), _by_row(values)):
        if candidate is not None and (found := _integers(values, candidate)) is not None:
            return Weights(values, found, np.broadcast_to(candidate, values.shape))
    raise ValueError(f"node {link.name} ({link.node.op_type}) is a float layer: its weights {tensor} are not quantised; supported: weights "
                     "through a quantiser (brevitas QuantLinear, QuantizeLinear)")


def _integers(values: np.ndarray, scale: np.ndarray) -> np.ndarray | None:
    whole = np.rint(values / scale)
    fits = np.all(np.abs(whole * scale - values) <= RELATIVE * np.abs(values)) and np.all(np.abs(whole) < 2**MOST_BITS)
    return whole.astype(np.int64) if fits else None


def _scale(tensor: str, network: Network) -> np.ndarray | None:
    """The scale of each weight, float64 in the operand's shape: that of the quantiser behind it, taken through the nodes that only
    shape it. None where something else stands there."""
    between: list[onnx.NodeProto] = []
    while tensor in network.producers:
        node = network.producers[tensor]
        scale = _quantiser_scale(node, network)
        if scale is not None:
            return _shaped(scale, node.output[0], between[::-1], network)
        if node.op_type not in SHAPING:
            return None
        between.append(node)
        tensor = node.input[0]
    return None


def _quantiser_scale(node: onnx.NodeProto, network: Network) -> np.ndarray | None:
    """float64 in the shape of the quantised tensor, or None for another operator."""
    shape = network.constants[node.output[0]].array.shape if node.output[0] in network.constants else None
    if node.op_type in ("Quant", "IntQuant", "BipolarQuant"):
        scale = network.constants[node.input[1]].array
    elif node.op_type == "DequantizeLinear":
        scale = network.constants[node.input[1]].array
        if attribute(node, "block_size", 0):
            scale = np.repeat(scale, attribute(node, "block_size"), axis=attribute(node, "axis", 1))
            scale = scale[tuple(slice(extent) for extent in shape)]
        elif scale.ndim == 1 and scale.size > 1:
            axis = attribute(node, "axis", 1) % len(shape)
            scale = scale.reshape([-1 if dimension == axis else 1 for dimension in range(len(shape))])
        elif scale.size == 1:
            scale = scale.reshape(())
    else:
        return None
    return np.broadcast_to(scale, shape).astype(np.float64)


def _shaped(scale: np.ndarray, tensor: str, nodes: list[onnx.NodeProto], network: Network) -> np.ndarray:
    values = {**network.constants, tensor: Value(scale.astype(np.float64), onnx.TensorProto.DOUBLE)}
    for node in nodes:
        if node.op_type == "Cast":
            values[node.output[0]] = values[node.input[0]]
        else:
            values[node.output[0]] = run([node], values, [node.output[0]], network.opset)[node.output[0]]
    return values[nodes[-1].output[0] if nodes else tensor].array


def _common(values: np.ndarray) -> np.ndarray | None:
    """One scale for the whole matrix, from the distances between its values."""
    sizes = np.unique(np.abs(values[values != 0]))
    if len(sizes) == 0:
        return np.ones((1, 1))
    step = common_step(sizes, RELATIVE * sizes.max()) if len(sizes) <= SEVERAL else None
    return None if step is None else np.array([[step]])


def _by_row(values: np.ndarray) -> np.ndarray | None:
    found = [_common(row[None]) for row in values]
    return None if any(scale is None for scale in found) else np.concatenate(found)
