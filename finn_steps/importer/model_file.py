"""Reading a QONNX or QCDQ file into one normal form that the importer and the reference share.

The normal form keeps the names of the user's nodes. In it
1. Quant and BipolarQuant are in qonnx's domain, and QuantizeLinear + DequantizeLinear pairs have become Quant;
2. shape arithmetic on constants is folded (quantisers of constants are kept);
3. Gemm is MatMul and Add, with the same rounding: onnxruntime's Gemm adds C to the finished sum;
4. the batch dimension is open, also where a Reshape had it fixed at 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.general import GiveUniqueParameterTensors, RemoveStaticGraphInputs, RemoveUnusedTensors
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant

QONNX_DOMAIN = "qonnx.custom_op.general"
QUANTISERS = ("Quant", "BipolarQuant", "QuantizeLinear", "DequantizeLinear")
BATCH = "batch"
ROUNDS_FIRST = "rounds_first"
"""Attribute of a Quant that was a QuantizeLinear: it adds the zero point behind the rounding, which matters on ties."""


def read_model(path: Path | str) -> ModelWrapper:
    """The normal form of an ONNX file. OSError where there is none, ValueError where it is not a whole ONNX model."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    try:
        model = onnx.load(path)
    except Exception as error:
        raise ValueError(f"{path}: not an ONNX model, or truncated ({error})") from error
    if not model.graph.node:
        raise ValueError(f"{path}: not an ONNX model, or truncated (it has no nodes)")
    return normalise(model)


def normalise(model: onnx.ModelProto | ModelWrapper) -> ModelWrapper:
    """The normal form, as a copy. ValueError, naming the node, where the model cannot take that form."""
    wrapper = ModelWrapper(model.model if isinstance(model, ModelWrapper) else model, make_deepcopy=True)
    wrapper = wrapper.transform(RemoveStaticGraphInputs())
    graph = wrapper.graph
    if len(graph.input) != 1 or len(graph.output) != 1:
        inputs, outputs = (", ".join(v.name for v in values) for values in (graph.input, graph.output))
        raise ValueError(f"the model has inputs {inputs} and outputs {outputs}; supported: one input and one output")
    for number, node in enumerate(graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
        if node.op_type in ("Quant", "BipolarQuant", "IntQuant"):
            node.domain = QONNX_DOMAIN
            node.op_type = "BipolarQuant" if node.op_type == "BipolarQuant" else "Quant"
    _fix_batch(graph, 1)
    _check_operators(wrapper)
    try:
        for transformation in (InferShapes(), FoldConstants(exclude_op_types=list(QUANTISERS))):
            wrapper = wrapper.transform(transformation)
    except Exception as error:
        raise ValueError(f"the model's shapes do not fit together: {str(error).splitlines()[0]}") from error
    _split_gemm(wrapper)
    wrapper = _quantisers_from_qcdq(wrapper)
    wrapper = wrapper.transform(RemoveUnusedTensors())
    _open_batch(wrapper)
    return wrapper


def initializers(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def attribute(node: onnx.NodeProto, name: str, default):
    """A node's attribute, strings decoded, or `default`."""
    for entry in node.attribute:
        if entry.name == name:
            value = helper.get_attribute_value(entry)
            return value.decode() if isinstance(value, bytes) else value
    return default


def _check_operators(wrapper: ModelWrapper) -> None:
    for node in wrapper.graph.node:
        if node.op_type.startswith("Conv"):
            raise ValueError(f"node {node.name} ({node.op_type}) is a convolution; supported: layers of MatMul or Gemm")
        if node.domain not in ("", "ai.onnx", QONNX_DOMAIN):
            raise ValueError(f"node {node.name} ({node.op_type}) is of domain {node.domain}; supported: ONNX's own operators "
                             "and QONNX's")
        if node.op_type in ("If", "Loop", "Scan"):
            raise ValueError(f"node {node.name} ({node.op_type}) is control flow; supported: a plain chain of layers")


def _fix_batch(graph: onnx.GraphProto, batch: int) -> None:
    dimensions = graph.input[0].type.tensor_type.shape.dim
    if len(dimensions) < 2:
        raise ValueError(f"input {graph.input[0].name} has {len(dimensions)} dimension(s); supported: [batch, features ...]")
    dimensions[0].dim_value = batch
    for dimension in dimensions[1:]:
        if not dimension.dim_value:
            raise ValueError(f"input {graph.input[0].name} has an open dimension beside the batch; export it with a fixed shape")


def _split_gemm(wrapper: ModelWrapper) -> None:
    """Gemm(x, B, C) -> MatMul(x, B or its transpose) [-> Mul(alpha)] -> Add(beta * C); the MatMul keeps the name."""
    graph = wrapper.graph
    for node in [n for n in graph.node if n.op_type == "Gemm"]:
        alpha, beta = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
        if attribute(node, "transA", 0):
            raise ValueError(f"node {node.name} (Gemm) transposes its input; supported: transA = 0")
        weights, steps, output = node.input[1], [], node.output[0]
        if attribute(node, "transB", 0):
            weights = f"{node.name}.weights"
            steps.append(helper.make_node("Transpose", [node.input[1]], [weights], name=weights, perm=[1, 0]))
        operations = [("MatMul", weights)]
        if alpha != 1:
            operations.append(("Mul", _constant(graph, f"{node.name}.alpha", np.float32(alpha))))
        if len(node.input) > 2 and node.input[2]:
            bias = node.input[2]
            if beta != 1:
                bias = f"{node.name}.beta_c"
                beta_name = _constant(graph, f"{node.name}.beta", np.float32(beta))
                steps.append(helper.make_node("Mul", [node.input[2], beta_name], [bias], name=bias))
            operations.append(("Add", bias))
        tensor = node.input[0]
        for number, (op_type, operand) in enumerate(operations):
            result = output if number == len(operations) - 1 else f"{node.name}.{op_type}"
            name = node.name if op_type == "MatMul" else f"{node.name}.{op_type}"
            steps.append(helper.make_node(op_type, [tensor, operand], [result], name=name))
            tensor = result
        position = list(graph.node).index(node)
        graph.node.remove(node)
        for offset, step in enumerate(steps):
            graph.node.insert(position + offset, step)


def _constant(graph: onnx.GraphProto, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def _quantisers_from_qcdq(wrapper: ModelWrapper) -> ModelWrapper:
    if not any(node.op_type == "DequantizeLinear" for node in wrapper.graph.node):
        return wrapper
    before = {node.name for node in wrapper.graph.node}
    wrapper = wrapper.transform(GiveUniqueParameterTensors()).transform(QCDQToQuant())
    for node in wrapper.graph.node:
        if node.op_type == "Quant" and node.name not in before:
            node.attribute.append(helper.make_attribute(ROUNDS_FIRST, 1))
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            raise ValueError(f"node {node.name} ({node.op_type}) is not part of a QuantizeLinear, [Clip,] DequantizeLinear group "
                             "with constant and equal scales and zero points; export the model as QONNX, or with such groups")
    return wrapper


def _open_batch(wrapper: ModelWrapper) -> None:
    graph = wrapper.graph
    constants = initializers(graph)
    for node in graph.node:
        if node.op_type == "Reshape" and node.input[1] in constants:
            shape = constants[node.input[1]].copy()
            if shape.size and shape[0] == 1:
                shape[0] = 0
                wrapper.set_initializer(node.input[1], shape)
    annotations = {a.tensor_name for a in graph.quantization_annotation}
    for info in [v for v in graph.value_info if v.name not in annotations]:
        graph.value_info.remove(info)
    for value in (graph.input[0], graph.output[0]):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_param = BATCH
    if len(graph.output[0].type.tensor_type.shape.dim):
        for dimension in graph.output[0].type.tensor_type.shape.dim[1:]:
            dimension.Clear()
