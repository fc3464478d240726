"""What a node may say: how many inputs and outputs its operator takes, and which attributes, of which kinds and values."""

from __future__ import annotations

from functools import cache

import onnx
from onnx import AttributeProto, NodeProto

from finn_steps.importer.nodes import opset
from finn_steps.importer.operators import MICROSOFT, STANDARD_DOMAINS, is_custom

INT, FLOAT, STRING = AttributeProto.INT, AttributeProto.FLOAT, AttributeProto.STRING
FLAG = "0 or 1"
ROUNDING = {"rounding_mode": STRING}
RANGE = {"signed": FLAG, "narrow": FLAG, **ROUNDING}
OPERATORS: dict[tuple[bool, str], tuple[tuple[int, int], dict]] = {
    (True, "Quant"): ((4, 4), RANGE),
    (True, "IntQuant"): ((4, 4), RANGE),
    (True, "BipolarQuant"): ((2, 2), {}),
    (True, "Trunc"): ((5, 6), RANGE),
    (True, "FloatQuant"): ((6, 6), {"saturation": FLAG, "has_inf": FLAG, "has_nan": FLAG, "has_subnormal": FLAG, **ROUNDING}),
    (True, "MultiThreshold"): ((2, 2), {"out_scale": FLOAT, "out_bias": FLOAT, "out_dtype": STRING, "data_layout": STRING}),
    (False, "QuantizeLinear"): ((2, 3), {"axis": INT}),
    (False, "DequantizeLinear"): ((2, 3), {"axis": INT}),
    (False, "QLinearAdd"): ((8, 8), {}),
    (False, "QLinearMul"): ((8, 8), {}),
    (False, "QLinearSigmoid"): ((5, 5), {}),
    (False, "QLinearLeakyRelu"): ((5, 5), {"alpha": FLOAT}),
    (False, "QGemm"): ((6, 9), {"alpha": FLOAT, "transA": FLAG, "transB": FLAG}),
}
"""Of QONNX (True) and onnxruntime (False), which have no schema in onnx: least and most inputs, all of them named up to the least; and
the attributes that are read. Others may be there."""
FLAGS = {"transA": FLAG, "transB": FLAG, "keepdims": FLAG, "training_mode": FLAG}
"""Attributes of ONNX' own operators that are no more than a choice."""
KINDS = {value: name for name, value in AttributeProto.AttributeType.items()}


def check_node(model: onnx.ModelProto, node: NodeProto, name: str) -> None:
    """ValueError, naming the node, for what its operator does not take. Operators that are not known are left to others to refuse."""
    where = f"node {name} ({node.op_type})"
    _check_attributes(node, where)
    if node.domain in STANDARD_DOMAINS:
        schema = _schema(node.op_type, opset(model))
        if schema is not None:
            _check_schema(node, where, schema)
    elif is_custom(node.domain) or node.domain == MICROSOFT:
        known = OPERATORS.get((is_custom(node.domain), node.op_type))
        if known is not None:
            _check_arity(node, where, node.input, *known[0], "inputs")
            _check_arity(node, where, node.output, 1, 1, "outputs")
            _check_kinds(node, where, known[1])


def _check_attributes(node: NodeProto, where: str) -> None:
    seen: set[str] = set()
    for entry in node.attribute:
        if entry.name in seen:
            raise ValueError(f"{where} has attribute {entry.name} twice")
        seen.add(entry.name)
        if entry.ref_attr_name or entry.type not in KINDS or entry.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            raise ValueError(f"{where} has attribute {entry.name} of kind {KINDS.get(entry.type, entry.type)}; supported: values")
        if entry.type == STRING and entry.s.decode(errors="replace").encode() != entry.s:
            raise ValueError(f"{where} has attribute {entry.name}, which is no text in UTF-8")


@cache
def _schema(operator: str, version: int):
    try:
        return onnx.defs.get_schema(operator, version, "")
    except onnx.defs.SchemaError:
        return None


def _check_schema(node: NodeProto, where: str, schema) -> None:
    _check_arity(node, where, node.input, schema.min_input, schema.max_input, "inputs")
    _check_arity(node, where, node.output, schema.min_output, schema.max_output, "outputs")
    given = {entry.name for entry in node.attribute}
    for attribute in schema.attributes.values():
        if attribute.required and attribute.name not in given:
            raise ValueError(f"{where} has no attribute {attribute.name}, which the operator needs")
    for entry in node.attribute:
        if entry.name not in schema.attributes:
            raise ValueError(f"{where} has attribute {entry.name}; the operator has {', '.join(schema.attributes) or 'none'}")
    _check_kinds(node, where, {attribute.name: int(attribute.type) for attribute in schema.attributes.values()})
    _check_kinds(node, where, FLAGS)


def _check_arity(node: NodeProto, where: str, names, least: int, most: int, what: str) -> None:
    if not least <= len(names) <= most:
        supported = f"{least}" if least == most else f"{least} or more" if most > 1000 else f"{least} to {most}"
        raise ValueError(f"{where} has {len(names)} {what}; supported: {supported}")
    if not all(names[:least]):
        raise ValueError(f"{where} leaves out one of its first {least} {what}; supported: all of them named")


def _check_kinds(node: NodeProto, where: str, kinds: dict) -> None:
    for entry in node.attribute:
        wanted = kinds.get(entry.name)
        if wanted is None:
            continue
        if wanted != FLAG and entry.type != wanted:
            raise ValueError(f"{where} has attribute {entry.name} of kind {KINDS[entry.type]}; supported: {KINDS[wanted]}")
        if wanted == FLAG and (entry.type != INT or entry.i not in (0, 1)):
            value = entry.i if entry.type == INT else f"of kind {KINDS[entry.type]}"
            raise ValueError(f"{where} has attribute {entry.name} {value}; supported: 0 or 1")
