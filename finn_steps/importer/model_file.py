"""Reading an ONNX file, as it is: nothing in it is changed here, only refused, and what is large is refused unread."""

from __future__ import annotations

from math import prod
from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.message import DecodeError

from finn_steps.importer.form import check_form
from finn_steps.importer.sizes import MOST_VALUES, check_bytes, check_messages, read_bytes

WIDEST = 16
"""Bytes of the largest element type."""


def read_model(path: Path | str) -> onnx.ModelProto:
    """The model in a file, its external data included. OSError where there is none, ValueError where it is no well-formed ONNX model."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    data = read_bytes(path)
    try:
        check_messages(data)
        model = onnx.ModelProto.FromString(data)
    except (ValueError, DecodeError) as error:
        raise ValueError(f"{path}: not an ONNX model, or truncated ({error})") from error
    if not model.graph.node:
        raise ValueError(f"{path}: not an ONNX model, or truncated (it has no nodes)")
    _load_external_data(model, path, len(data))
    check_form(model)
    return model


def _load_external_data(model: onnx.ModelProto, path: Path, size: int) -> None:
    """Tensors that are kept in files beside the model; nothing outside of its folder is read. `size` bytes are read already."""
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        size += _external_bytes(tensor, path)
        check_bytes(f"{path} and its data files", size)
        told = {entry.key: entry.value for entry in tensor.external_data}
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(path.resolve().parent))
        except Exception as error:
            raise ValueError(f"{path}: its data file {told['location']} does not hold tensor {tensor.name} "
                             f"({(str(error).splitlines() or [type(error).__name__])[0]})") from error
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _external_bytes(tensor: onnx.TensorProto, path: Path) -> int:
    """How many will be read for the tensor. ValueError for a place outside of the model's folder, or more than the tensor needs."""
    folder, told = path.resolve().parent, {entry.key: entry.value for entry in tensor.external_data}
    location = told.get("location", "")
    beneath = PurePosixPath(location)
    if beneath.is_absolute() or ".." in beneath.parts or "\0" in location or not (folder / location).resolve().is_relative_to(folder):
        raise ValueError(f"{path}: tensor {tensor.name} is kept in {location}, outside of the model's folder; copy it beside the model")
    if not (folder / location).is_file():
        raise FileNotFoundError(f"{path}: its data file {location} (tensor {tensor.name}) is missing; copy it beside the model")
    offset, length = (told.get(key, "0") for key in ("offset", "length"))
    if not (offset.isdecimal() and length.isdecimal() and len(offset + length) < 40):
        raise ValueError(f"{path}: tensor {tensor.name} lies at offset {offset}, {length} bytes long; supported: whole numbers")
    there = max(0, (folder / location).stat().st_size - int(offset))
    found = min(there, int(length) or there)
    if any(d < 0 for d in tensor.dims) or prod(tensor.dims) > MOST_VALUES or found > prod(tensor.dims) * WIDEST:
        raise ValueError(f"{path}: tensor {tensor.name} of shape {list(tensor.dims)} takes {found:,} bytes of {location}; supported: up to "
                         f"{MOST_VALUES:,} values, and no more bytes than they need")
    return found


def _tensors(model: onnx.ModelProto):
    yield from model.graph.initializer
    for node in model.graph.node:
        for entry in node.attribute:
            if entry.HasField("t"):
                yield entry.t
