"""Integer weights and their scales from a MatMul's constant operand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.importer.model_file import QUANTISERS, attribute, initializers
from finn_steps.importer.quantiser import Quantiser


@dataclass(frozen=True, eq=False)
class IntegerWeights:
    """values int64 [MH, MW]; scale float32 [MH]: the model's float weight is values * scale."""

    values: np.ndarray
    scale: np.ndarray


def read_weights(model: ModelWrapper, node: onnx.NodeProto) -> IntegerWeights:
    """The weights of a MatMul node. ValueError, naming the node, where they are not constant, not quantised, not
    symmetric, or scaled for each input."""
    constants = initializers(model.graph)
    tensor, transpose = node.input[1], False
    producer = model.find_producer(tensor)
    while producer is not None and producer.op_type in ("Transpose", "Identity"):
        if producer.op_type == "Transpose":
            if list(attribute(producer, "perm", [1, 0])) != [1, 0]:
                raise ValueError(f"node {producer.name} (Transpose) on the weights of {node.name}; supported: perm [1, 0]")
            transpose = not transpose
        tensor = producer.input[0]
        producer = model.find_producer(tensor)
    if producer is None:
        integers, scale = _annotated(model, node, tensor, constants)
    elif producer.op_type in QUANTISERS and producer.input[0] in constants:
        quantiser = Quantiser.of(producer, constants)
        if quantiser.zero_point:
            raise ValueError(f"node {producer.name} gives {node.name} weights with zero point {quantiser.zero_point}; "
                             "supported: 0")
        integers, scale = quantiser.integers(constants[producer.input[0]]), quantiser.scale
    else:
        raise ValueError(f"node {node.name} (MatMul) multiplies by {tensor}, which {producer.name} ({producer.op_type}) "
                         "computes; supported: constant quantised weights")
    if integers.ndim != 2:
        raise ValueError(f"node {node.name} (MatMul) has weights of shape {integers.shape}; supported: matrices")
    scale = np.broadcast_to(scale, integers.shape)
    if not transpose:
        integers, scale = integers.T, scale.T
    if np.any(scale != scale[:, :1]):
        raise ValueError(f"node {node.name} has a weight scale for each input; supported: one for the tensor or for each output")
    return IntegerWeights(np.ascontiguousarray(integers), np.ascontiguousarray(scale[:, 0]))


def _annotated(model, node, tensor, constants) -> tuple[np.ndarray, np.ndarray]:
    if tensor not in constants:
        raise ValueError(f"node {node.name} (MatMul) multiplies by {tensor}, which is no constant; supported: constant weights")
    values = constants[tensor]
    if not DataType[str(model.get_tensor_datatype(tensor).name)].is_integer() or not np.array_equal(values, np.rint(values)):
        raise ValueError(f"node {node.name} (MatMul) is a float layer: its weights {tensor} are not quantised; "
                         "supported: weights through a Quant or BipolarQuant node (brevitas QuantLinear)")
    return values.astype(np.int64), np.float32(1)
