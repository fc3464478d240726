"""Changes to an ONNX model's graph: who makes what, who reads it, operators, attributes, inputs and outputs."""

from __future__ import annotations

from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper

from finn_steps.importer.operators import CUSTOM_DOMAINS, MICROSOFT, TABLE
from tests.fuzz.hostile.case import Dice

DOMAINS = ("", "ai.onnx", MICROSOFT, *CUSTOM_DOMAINS, "ai.onnx.ml", "nobody", "\n")
OTHERS = ("If", "Loop", "Scan", "Conv", "Tile", "NonZero", "OneHot", "Pad", "Einsum", "Quant2", "", "StringNormalizer", "Gather", "Optional")
FLAGS = ("signed", "narrow", "saturation", "transA", "transB", "keepdims", "axis", "rounding_mode", "perm", "to", "value", "out_scale")


def node(dice: Dice, model: ModelProto) -> NodeProto:
    return dice.pick(model.graph.node or [model.graph.node.add()])


def tensors(model: ModelProto) -> list[str]:
    graph = model.graph
    return [t.name for t in graph.initializer] + [v.name for v in graph.input] + [o for n in graph.node for o in n.output] + [""]


def remove_node(dice, model):
    del model.graph.node[dice.below(len(model.graph.node))]


def repeat_node(dice, model):
    model.graph.node.insert(dice.below(len(model.graph.node)), node(dice, model))


def swap_nodes(dice, model):
    one, other = node(dice, model), node(dice, model)
    copy = NodeProto()
    copy.CopyFrom(one)
    one.CopyFrom(other)
    other.CopyFrom(copy)


def circle(dice, model):
    chosen = node(dice, model)
    chosen.input.append(dice.pick(model.graph.node[-1].output or [""])) if dice.chance(0.3) or not chosen.input else None
    if chosen.input:
        chosen.input[dice.below(len(chosen.input))] = dice.pick([*chosen.output, *model.graph.node[-1].output])


def rewire(dice, model):
    chosen = node(dice, model)
    if chosen.input:
        chosen.input[dice.below(len(chosen.input))] = dice.pick(tensors(model))


def another_output(dice, model):
    chosen = node(dice, model)
    names = [*chosen.output]
    how = dice.pick(("more", "fewer", "same", "renamed"))
    del chosen.output[:]
    chosen.output.extend({"more": [*names, "more"], "fewer": names[:-1], "same": [*names, *names],
                          "renamed": [dice.pick([dice.text(), *tensors(model)])] + names[1:]}[how])


def arity(dice, model):
    chosen = node(dice, model)
    if dice.chance(0.5) and chosen.input:
        del chosen.input[dice.below(len(chosen.input))]
    else:
        chosen.input.extend([dice.pick(tensors(model))] * dice.pick((1, 1, 2, 200)))


def operator(dice, model):
    node(dice, model).op_type = dice.pick([row.name for row in TABLE] + list(OTHERS))


def domain(dice, model):
    node(dice, model).domain = dice.pick(DOMAINS)


def name(dice, model):
    chosen = node(dice, model)
    chosen.name = dice.pick([dice.text(), node(dice, model).name])


def add_attribute(dice, model):
    chosen = node(dice, model)
    value = dice.pick([dice.whole(), 0.5, float("nan"), dice.text(), b"\xff\xfe", [1, 2, 3], [0.5], ["a"], helper.make_tensor("t", 1, [1], [1.0])])
    try:
        chosen.attribute.append(helper.make_attribute(dice.pick((*FLAGS, dice.text())), value))
    except (ValueError, TypeError):
        chosen.attribute.add().name = "signed"


def attribute_value(dice, model):
    entries = [entry for n in model.graph.node for entry in n.attribute]
    if not entries:
        return add_attribute(dice, model)
    entry = dice.pick(entries)
    if entry.type == AttributeProto.INT:
        entry.i = dice.whole()
    elif entry.type == AttributeProto.FLOAT:
        entry.f = min(3e38, max(-3e38, float(dice.number())))
    elif entry.type == AttributeProto.STRING:
        entry.s = dice.pick((dice.text().encode(), b"\xff\xfe", b"ROUND", b"UP", b"half_down", b"STOCHASTIC"))
    elif entry.type == AttributeProto.INTS:
        del entry.ints[:]
        entry.ints.extend([dice.whole()] * dice.pick((0, 1, 2, 5, 1000)))
    else:
        entry.name = dice.pick((*FLAGS, dice.text()))
    return None


def attribute_kind(dice, model):
    entries = [entry for n in model.graph.node for entry in n.attribute]
    if entries:
        entry = dice.pick(entries)
        entry.type = dice.pick(AttributeProto.AttributeType.values())
        if dice.chance(0.3):
            entry.g.node.add().op_type = "Identity"


def remove_attribute(dice, model):
    chosen = [n for n in model.graph.node if n.attribute]
    if chosen:
        del dice.pick(chosen).attribute[:1]


def repeat_attribute(dice, model):
    chosen = [n for n in model.graph.node if n.attribute]
    if chosen:
        picked = dice.pick(chosen)
        picked.attribute.append(picked.attribute[0])


def graph_input(dice, model):
    how = dice.pick(("second", "none", "shape", "shape", "shape", "kind", "name", "sequence", "rank"))
    graph = model.graph
    if how == "none" or not graph.input:
        del graph.input[:]
        return
    value, dims = graph.input[0], graph.input[0].type.tensor_type.shape.dim
    if how == "second":
        graph.input.add().CopyFrom(value)
        graph.input[-1].name = dice.pick((value.name, "second", ""))
    elif how == "shape" and dims:
        dims[dice.below(len(dims))].dim_value = dice.whole()
    elif how == "kind":
        value.type.tensor_type.elem_type = dice.pick([*TensorProto.DataType.values(), 99])
    elif how == "name":
        value.name = dice.pick(tensors(model))
    elif how == "sequence":
        value.type.sequence_type.elem_type.tensor_type.elem_type = 1
    elif dice.chance(0.5):
        del dims[:]
    else:
        dims.add().dim_value = dice.whole()


def graph_output(dice, model):
    outputs = model.graph.output
    how = dice.pick(("none", "second", "unknown", "inner"))
    if how == "none":
        del outputs[:]
    elif how == "second":
        outputs.add().name = dice.pick(tensors(model))
    elif outputs:
        outputs[0].name = "unknown" if how == "unknown" else dice.pick(tensors(model))


def annotation(dice, model):
    entry = model.graph.quantization_annotation.add()
    entry.tensor_name = dice.pick(tensors(model))
    pair = entry.quant_parameter_tensor_names.add()
    pair.key = dice.pick(("finn_datatype", dice.text()))
    pair.value = dice.pick(("INT8", "UINT4", "BIPOLAR", "FLOAT32", "INT999999999999", "UINT0", "FIXED<8,3>", "SCALEDINT<8>", dice.text()))


def versions(dice, model):
    if model.opset_import and dice.chance(0.7):
        dice.pick(model.opset_import).version = dice.pick((0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 21, 25, 26, 27, 1000, -1, 2**62))
    else:
        model.opset_import.add().domain = dice.pick(DOMAINS)
    model.ir_version = dice.pick((model.ir_version, 0, 3, 9, 14, 2**40))


def function(dice, model):
    made = model.functions.add()
    made.name, made.domain = node(dice, model).op_type, dice.pick(DOMAINS)
    made.output.append("y")


CHANGES = {f.__name__: f for f in (
    remove_node, repeat_node, swap_nodes, circle, rewire, another_output, arity, operator, domain, name, add_attribute, attribute_value,
    attribute_kind, remove_attribute, repeat_attribute, graph_input, graph_output, annotation, versions, function)}
