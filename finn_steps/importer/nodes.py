"""A node by its name, its attributes, and the version of its operator."""

from __future__ import annotations

import onnx
from onnx import helper

from finn_steps.importer.operators import CUSTOM_DOMAINS, STANDARD_DOMAINS


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
