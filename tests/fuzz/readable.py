"""A file in the form in which its executor can run it: the same operators on the same numbers."""

from __future__ import annotations

import onnx

from tests.fuzz.segments import QONNX

NEWEST_IR, NEWEST_OPSET = 13, 26
"""Of onnxruntime 1.25; newer ones are run as these."""
ALIASES = {"ai.onnx": "", "finn.custom_op.general": QONNX}


def readable(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without names of nodes, which onnxruntime wants to be unique, and with the domains' usual names."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = min(copy.ir_version, NEWEST_IR)
    for entry in copy.opset_import:
        entry.domain = ALIASES.get(entry.domain, entry.domain)
        entry.version = min(entry.version, NEWEST_OPSET)
    for node in copy.graph.node:
        node.ClearField("name")
        node.domain = ALIASES.get(node.domain, node.domain)
    return copy
