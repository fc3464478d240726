"""A file in the form in which its executor can run it: the same operators on the same numbers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from tests.fuzz.segments import QONNX

NEWEST_IR, NEWEST_OPSET = 13, 26
"""Of onnxruntime 1.25; newer ones are run as these."""
ALIASES = {"ai.onnx": "", "finn.custom_op.general": QONNX}
WEIGHTS = {"QGemm": (0, 3, 5), "QLinearMatMul": (0, 3, 5), "MatMulInteger": (0, 1, 3)}
"""Where an integer operator has its data, its weights and their zero point."""


def readable(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without names of nodes, which onnxruntime wants to be unique, with the domains' usual names, and exact integer products."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = min(copy.ir_version, NEWEST_IR)
    for entry in copy.opset_import:
        entry.domain = ALIASES.get(entry.domain, entry.domain)
        entry.version = min(entry.version, NEWEST_OPSET)
    for node in copy.graph.node:
        node.ClearField("name")
        node.domain = ALIASES.get(node.domain, node.domain)
    _unsign_weights(copy.graph)
    return copy


def _unsign_weights(graph: onnx.GraphProto) -> None:
    """int8 weights of uint8 data as uint8 weights, 128 more each, as their zero points.

    Without VNNI instructions onnxruntime adds products of uint8 and int8 in pairs of 16 bits, which overflow (its documentation:
    "reduce_range"); its kernels for uint8 are exact.
    """
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    data: set[str] = set()
    for node in graph.node:
        if _makes_uint8(node, tensors, data):
            data.add(node.output[0])
        if node.op_type not in WEIGHTS:
            continue
        first, weights, zero = WEIGHTS[node.op_type]
        if node.input[weights] in tensors and tensors[node.input[weights]].data_type == TensorProto.INT8 and node.input[first] in data:
            while len(node.input) <= zero:
                node.input.append("")
            zeros = tensors.get(node.input[zero])
            for position, values in ((weights, numpy_helper.to_array(tensors[node.input[weights]])),
                                     (zero, np.int8(0) if zeros is None else numpy_helper.to_array(zeros))):
                name = f"{node.output[0]}//unsigned{position}"
                graph.initializer.append(numpy_helper.from_array((np.asarray(values, np.int16) + 128).astype(np.uint8), name))
                node.input[position] = name


def _makes_uint8(node: onnx.NodeProto, tensors, data: set[str]) -> bool:
    """The output's zero point is the last input of all operators that quantise; other operators on integers keep the type."""
    if node.op_type == "QuantizeLinear" and len(node.input) < 3:
        return True
    if node.op_type.startswith(("QuantizeLinear", "QLinear")) or node.op_type == "QGemm" and len(node.input) > 8:
        return node.input[-1] in tensors and tensors[node.input[-1]].data_type == TensorProto.UINT8
    return node.op_type in ("Clip", "Relu", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity") and node.input[0] in data
