"""The integer network as FINN's own streamlined form: MatMul and MultiThreshold on integers, no float operator left."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from finn_steps.accelerator import Accelerator, SparseLayer, smallest_datatype
from finn_steps.finn.transformation.host_ends import write_host_ends

FLOAT32_INTEGERS, FLOAT64_INTEGERS = 2**24, 2**53
BIPOLAR_OUTPUT = "qapflow.bipolar_output"
"""Metadata: the name of the layer whose output is bipolar."""


def integer_graph(accelerator: Accelerator) -> ModelWrapper:
    """A chain of MatMul [, Add] [, MultiThreshold] on [1, MW] tensors, every tensor annotated with its integer datatype.

    A bipolar output is written as BINARY, which is how FINN's thresholding knows it; InferSparseMVAU makes it bipolar again by
    the metadata. Constants beyond 24 bits are kept as float64; ValueError beyond what that holds.
    """
    graph = helper.make_graph([], "integer_network", [], [])
    model = ModelWrapper(qonnx_make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    tensor = "global_in"
    graph = model.graph
    graph.input.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [1, accelerator.MW]))
    model.set_tensor_datatype(tensor, DataType[accelerator.idt])
    for layer in accelerator.layers:
        tensor = _append_layer(model, layer, tensor)
    graph.output.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [1, accelerator.layers[-1].MH]))
    for info in [v for v in graph.value_info if v.name == tensor]:
        graph.value_info.remove(info)
    write_host_ends(model, accelerator)
    return model


def _append_layer(model: ModelWrapper, layer: SparseLayer, tensor: str) -> str:
    nodes = [helper.make_node("MatMul", [tensor, f"{layer.name}.weights"], [f"{layer.name}.acc"], name=f"{layer.name}.MatMul")]
    _set(model, layer, "weights", layer.weights.T, layer.wdt)
    if np.any(layer.bias):
        inputs, output = [nodes[-1].output[0], f"{layer.name}.bias"], f"{layer.name}.biased"
        nodes.append(helper.make_node("Add", inputs, [output], name=f"{layer.name}.Add"))
        _set(model, layer, "bias", layer.bias, smallest_datatype(int(layer.bias.min()), int(layer.bias.max())))
    if layer.thresholds is not None:
        odt = DataType["BINARY" if layer.odt == "BIPOLAR" else layer.odt]
        nodes.append(helper.make_node(
            "MultiThreshold", [nodes[-1].output[0], f"{layer.name}.thresholds"], [f"{layer.name}.out"],
            name=f"{layer.name}.MultiThreshold", domain="qonnx.custom_op.general",
            out_dtype=odt.name, out_bias=float(odt.min()), out_scale=1.0))
        low, high = int(layer.thresholds.min()), int(layer.thresholds.max())
        _set(model, layer, "thresholds", layer.thresholds, smallest_datatype(min(low, -1), max(high, 1)))
    model.graph.node.extend(nodes)
    for node in nodes:
        model.set_tensor_shape(node.output[0], [1, layer.MH])
        model.set_tensor_datatype(node.output[0], DataType[layer.accdt])
    if layer.thresholds is not None:
        model.set_tensor_datatype(nodes[-1].output[0], odt)
    if layer.odt == "BIPOLAR":
        model.set_metadata_prop(BIPOLAR_OUTPUT, layer.name)
    return nodes[-1].output[0]


def _set(model: ModelWrapper, layer: SparseLayer, kind: str, values: np.ndarray, datatype: str) -> None:
    if np.abs(values).max() > FLOAT64_INTEGERS:
        raise ValueError(f"{layer.name}: {kind} reach {np.abs(values).max()}; supported: 53 bits, as float64 holds them")
    model.set_initializer(f"{layer.name}.{kind}", in_floats(values))
    model.set_tensor_datatype(f"{layer.name}.{kind}", DataType[datatype])


def in_floats(integers: np.ndarray) -> np.ndarray:
    """Integers as FINN's graphs hold them: float32, or float64 where float32 would round."""
    return integers.astype(np.float32 if np.abs(integers).max(initial=0) <= FLOAT32_INTEGERS else np.float64)
