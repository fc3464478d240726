"""Small ONNX files for the tests of the room: made by hand, each with one thing that matters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(path: Path, nodes, constants: dict, shape, outputs, element=TensorProto.FLOAT, opset=20, domains=(), ir_version=9) -> Path:
    """One input `x` of `shape`; constants by name as arrays or TensorProtos; outputs untyped."""
    value = helper.make_tensor_value_info("x", element, shape)
    tensors = [c if isinstance(c, TensorProto) else numpy_helper.from_array(np.asarray(c), name) for name, c in constants.items()]
    graph = helper.make_graph(nodes, "g", [value], [onnx.ValueInfoProto(name=name) for name in outputs], tensors)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, version) for domain, version in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=ir_version), path)
    return path


def node(kind: str, inputs: str, output: str, name: str = "", **attributes) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], name=name, **attributes)


def mlp(path: Path, batch=1, element=TensorProto.FLOAT, seed=0, **more) -> Path:
    """MatMul, Relu, MatMul with weights that float32 sums of any order hold exactly; float16 where the input is."""
    rng = np.random.default_rng(seed)
    dtype = helper.tensor_dtype_to_np_dtype(element)
    weights = {"w": rng.integers(-8, 8, (6, 5)).astype(dtype), "v": rng.integers(-8, 8, (5, 3)).astype(dtype)}
    nodes = [node("MatMul", "x w", "a"), node("Relu", "a", "b", "act"), node("MatMul", "b v", "y")]
    return save(path, nodes, weights, [batch, 6], ["y"], element, **more)
