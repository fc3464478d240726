"""Reading an ONNX file, as it is: nothing in it is changed here, only refused."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import helper

from finn_steps.importer.operators import CUSTOM_DOMAINS, NEWEST_OPSET, STANDARD_DOMAINS


def read_model(path: Path | str) -> onnx.ModelProto:
    """The model in a file, its external data included. OSError where there is none, ValueError where it is no well-formed ONNX model."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise ValueError(f"{path}: not an ONNX model, or truncated ({error})") from error
    if not model.graph.node:
        raise ValueError(f"{path}: not an ONNX model, or truncated (it has no nodes)")
    _load_external_data(model, path)
    check_form(model)
    return model


def check_form(model: onnx.ModelProto) -> None:
    """ValueError, naming the node, unless every tensor has one producer, is made before it is read, and the versions are known."""
    for entry in model.opset_import:
        if entry.domain in STANDARD_DOMAINS and entry.version > NEWEST_OPSET:
            raise ValueError(f"the model uses ONNX opset {entry.version}; supported: up to {NEWEST_OPSET} (export with opset_version="
                             f"{NEWEST_OPSET} or lower)")
    graph = model.graph
    if graph.sparse_initializer:
        raise ValueError("the model has sparse initializers; supported: dense ones")
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


def node_name(node: onnx.NodeProto, position: int) -> str:
    """What a node is called in messages: its own name, or its operator and its position in the file."""
    return node.name or f"{node.op_type}_{position}"


def attribute(node: onnx.NodeProto, name: str, default=None):
    """A node's attribute, strings decoded, or `default`."""
    for entry in node.attribute:
        if entry.name == name:
            value = helper.get_attribute_value(entry)
            return value.decode() if isinstance(value, bytes) else value
    return default


def opset(model: onnx.ModelProto, custom: bool = False) -> int:
    """The version of ONNX' own operators, or of QONNX', that the model imports; 1 where it does not say."""
    domains = CUSTOM_DOMAINS if custom else STANDARD_DOMAINS
    return max((entry.version for entry in model.opset_import if entry.domain in domains), default=1)


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    """Tensors that are kept in files beside the model; nothing outside of its folder is read."""
    folder = path.resolve().parent
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        if not (folder / location).resolve().is_relative_to(folder):
            raise ValueError(f"{path}: tensor {tensor.name} is kept in {location}, outside of the model's folder; copy it beside the model")
        if not (folder / location).is_file():
            raise FileNotFoundError(f"{path}: its data file {location} (tensor {tensor.name}) is missing; copy it beside the model")
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except Exception as error:
            raise ValueError(f"{path}: its data file {location} does not hold tensor {tensor.name} ({str(error).splitlines()[0]})") from error
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _tensors(model: onnx.ModelProto):
    yield from model.graph.initializer
    for node in model.graph.node:
        for entry in node.attribute:
            if entry.HasField("t"):
                yield entry.t
