"""The form of a graph, checked before anything walks it: names, order, tensors, attributes and numbers of inputs, and no values."""

from __future__ import annotations

from collections import Counter
from math import prod

import onnx
from onnx import AttributeProto, TensorProto, helper

from finn_steps.importer.nodes import node_name
from finn_steps.importer.operators import CUSTOM_DOMAINS, MICROSOFT, NEWEST_OPSET, STANDARD_DOMAINS
from finn_steps.importer.signatures import check_node
from finn_steps.importer.sizes import MOST_NODES, MOST_VALUES, check_values

BITS = {TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.INT2: 2, TensorProto.UINT2: 2}
"""Of an element in raw_data, where numpy's type does not tell."""
FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def check_form(model: onnx.ModelProto) -> None:
    """ValueError, naming node or tensor, unless versions are known, every tensor has one producer and is made before it is read, nodes have
    the inputs and attributes that their operators take, and constants are as large as they say."""
    _check_versions(model)
    graph = model.graph
    if graph.sparse_initializer:
        raise ValueError("the model has sparse initializers; supported: dense ones")
    if len(graph.node) > MOST_NODES:
        raise ValueError(f"the model has {len(graph.node):,} nodes; supported: up to {MOST_NODES:,}")
    _check_tensors(graph)
    _check_inputs(graph)
    _check_order(graph)
    for position, node in enumerate(graph.node):
        check_node(model, node, node_name(node, position))


def _check_versions(model: onnx.ModelProto) -> None:
    for entry in model.opset_import:
        if entry.domain in STANDARD_DOMAINS and entry.version > NEWEST_OPSET:
            raise ValueError(f"the model uses ONNX opset {entry.version}; supported: up to {NEWEST_OPSET} (export with opset_version="
                             f"{NEWEST_OPSET} or lower)")
        if entry.version < 1:
            raise ValueError(f"the model uses version {entry.version} of the operators of '{entry.domain}'; supported: from 1 on")
    for function in model.functions:
        if function.domain in (*STANDARD_DOMAINS, *CUSTOM_DOMAINS, MICROSOFT):
            raise ValueError(f"the model has a function of its own for {function.name} of domain '{function.domain}'; supported: that domain's")


def _check_tensors(graph: onnx.GraphProto) -> None:
    """Constants by their form; all of them together, with those in attributes, by their size."""
    seen, values = set(), 0
    for tensor in graph.initializer:
        if not tensor.name or tensor.name in seen:
            raise ValueError(f"tensor {tensor.name or '(without a name)'} is stored twice, or has no name; supported: one constant of a name")
        seen.add(tensor.name)
    inside = (entry.t for node in graph.node for entry in node.attribute if entry.type == AttributeProto.TENSOR)
    for tensor in (*graph.initializer, *inside):
        values += check_tensor(tensor)
        if values > MOST_VALUES:
            raise ValueError(f"the model has more than {MOST_VALUES:,} constant values; supported: up to as many")


def check_tensor(tensor: TensorProto) -> int:
    """How many values it has. ValueError where it has not as many as its shape says."""
    name = f"tensor {tensor.name or '(of an attribute)'}"
    if any(dimension < 0 for dimension in tensor.dims):
        raise ValueError(f"{name} has shape {list(tensor.dims)}; supported: dimensions of at least 0")
    check_values(name, tensor.dims)
    if tensor.data_type not in TensorProto.DataType.values() or tensor.data_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        raise ValueError(f"{name} is of type {_type(tensor.data_type)}; supported: float16 to double, (u)int2 to int64, bool")
    if tensor.HasField("segment"):
        raise ValueError(f"{name} is stored in segments; supported: whole tensors")
    wanted, given = prod(tensor.dims), _stored(tensor)
    if given != wanted:
        raise ValueError(f"{name} has shape {list(tensor.dims)}, which is {wanted:,} values, and {given:,} are stored")
    return wanted


def _type(number: int) -> str:
    return TensorProto.DataType.Name(number) if number in TensorProto.DataType.values() else str(number)


def _stored(tensor: TensorProto) -> int:
    """How many values there are; those of 2 and 4 bits fill whole bytes, which is as many as the shape says if the bytes are."""
    bits, wanted = BITS.get(tensor.data_type), prod(tensor.dims)
    if tensor.HasField("raw_data"):
        size = len(tensor.raw_data)
        if bits:
            return wanted if size == -(-wanted * bits // 8) else size * 8 // bits
        width = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        return size // width if size % width == 0 else -1
    field = helper.tensor_dtype_to_field(tensor.data_type)
    stored = len(getattr(tensor, field))
    if any(len(getattr(tensor, other)) for other in FIELDS if other != field):
        return -1
    if bits:
        return wanted if stored == -(-wanted * bits // 8) else stored * 8 // bits
    return stored // 2 if tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128) else stored


def _check_inputs(graph: onnx.GraphProto) -> None:
    named = Counter(value.name for value in graph.input)
    constants = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        if not value.name or named[value.name] > 1:
            raise ValueError(f"input {value.name or '(without a name)'} is there twice, or has no name; supported: one input of a name")
        if value.name in constants:
            continue
        known = set(TensorProto.DataType.values()) - {TensorProto.UNDEFINED}
        if value.type.WhichOneof("value") != "tensor_type" or value.type.tensor_type.elem_type not in known:
            raise ValueError(f"input {value.name} is no tensor of a known type; supported: float16 to double, integers, bool")
        check_values(f"input {value.name}", [max(1, dimension.dim_value) for dimension in value.type.tensor_type.shape.dim])


def _check_order(graph: onnx.GraphProto) -> None:
    known = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    for position, node in enumerate(graph.node):
        name = node_name(node, position)
        for tensor in node.input:
            if tensor and tensor not in known:
                raise ValueError(f"node {name} ({node.op_type}) reads {tensor}, which nothing before it makes; the graph must be sorted, "
                                 "without circles")
        for tensor in node.output:
            if tensor and tensor in known:
                raise ValueError(f"node {name} ({node.op_type}) makes {tensor}, which is made already")
            known.add(tensor)
    for value in graph.output:
        if value.name not in known:
            raise ValueError(f"output {value.name} is made by no node")
