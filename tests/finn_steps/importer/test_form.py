"""Files that are malformed, or that ask for more than there is, are refused by what is wrong in them, before anything is made of it."""

import os
import re

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from finn_steps.importer import sizes
from finn_steps.importer.lower import import_model
from finn_steps.importer.sizes import check_messages
from tests.qonnx_nets import Net, qonnx_net


@pytest.fixture
def model():
    return qonnx_net(Net(widths=(4, 6, 3)))


def quant(m):
    return next(n for n in m.graph.node if n.op_type == "Quant")


def behind(m, kind, inputs, *constants, **attributes):
    """A node in front, whose result the first Quant takes as its scale."""
    m.graph.node.insert(0, helper.make_node(kind, inputs, ["made"], name="odd", **attributes))
    m.graph.initializer.extend(constants)
    quant(m).input[1] = "made"


def integers(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def attribute(m, value, name="signed"):
    node = quant(m)
    kept = [entry for entry in node.attribute if entry.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def signed_2(m):
    attribute(m, 2)


def narrow_of_another_kind(m):
    attribute(m, 1.0, "narrow")


def rounding_no_text(m):
    attribute(m, b"\xff\xfe", "rounding_mode")


def attribute_twice(m):
    quant(m).attribute.extend(list(quant(m).attribute)[:1] * 2)


def a_graph_inside(m):
    quant(m).attribute.append(helper.make_attribute("inside", m.graph))


def two_producers(m):
    m.graph.node.append(helper.make_node("Relu", [m.graph.node[0].output[0]], [m.graph.node[1].output[0]], name="odd"))


def a_circle(m):
    m.graph.node[1].input[0] = m.graph.node[-1].output[0]


def another_circle(m):
    m.graph.node[0].input[0] = m.graph.node[0].output[0]


def too_few_inputs(m):
    del quant(m).input[2:]


def too_many_inputs(m):
    quant(m).input.extend(["x"] * 100)


def an_input_left_out(m):
    quant(m).input[2] = ""


def unknown_attribute(m):
    behind(m, "Relu", ["zero"], numpy_helper.from_array(np.ones(1, np.float32), "zero"), odd=3)


def more_values_than_told(m):
    tensor = m.graph.initializer[0]
    tensor.raw_data = numpy_helper.to_array(tensor).tobytes() * 2


def fewer_values_than_told(m):
    del m.graph.initializer[0].dims[:]
    m.graph.initializer[0].dims.append(2**40)


def a_negative_dimension(m):
    m.graph.initializer[0].dims[0] = -1


def text_values(m):
    m.graph.initializer.append(helper.make_tensor("odd", TensorProto.STRING, [1], [b"a"]))


def constant_twice(m):
    m.graph.initializer.append(m.graph.initializer[0])


def a_huge_input(m):
    m.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2**40


def a_huge_batch(m):
    m.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2**40


def gigabytes_out_of_a_shape(m):
    behind(m, "ConstantOfShape", ["shape"], integers("shape", 2**20, 2**20))


def gigabytes_out_of_two_vectors(m):
    behind(m, "Add", ["left", "right"], *(numpy_helper.from_array(np.ones(shape, np.float32), name)
                                          for name, shape in (("left", (2**15, 1)), ("right", (1, 2**15)))))


def a_range_without_end(m):
    ends = {"from": 0, "to": 2**40, "step": 1}
    behind(m, "Range", list(ends), *(numpy_helper.from_array(np.array(value, np.int64), name) for name, value in ends.items()))


def hours_of_products(m):
    m.graph.initializer.append(numpy_helper.from_array(np.zeros((1000, 1000), np.float32), "square"))
    for number in range(50):
        m.graph.node.insert(number, helper.make_node("MatMul", [f"square{number - 1}" if number else "square", "square"], [f"square{number}"]))


def many_nodes(m):
    m.graph.node.extend([helper.make_node("Identity", ["x"], [f"x{i}"]) for i in range(sizes.MOST_NODES)])


def a_function_in_the_place_of_an_operator(m):
    body = [helper.make_node("Identity", ["a"], ["b"])]
    m.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))


def a_zero_point_that_is_no_number(m):
    m.graph.initializer.append(numpy_helper.from_array(np.array(np.nan, np.float32), "nan"))
    quant(m).input[2] = "nan"


def version_zero(m):
    m.opset_import[0].version = 0


def an_annotation_of_no_type(m):
    del m.graph.node[:]
    m.graph.node.append(helper.make_node("MatMul", ["x", "w"], ["y"], name="layer"))
    m.graph.initializer.append(numpy_helper.from_array(np.ones((4, 3), np.float32), "w"))
    m.graph.output[0].name = "y"
    pair = onnx.StringStringEntryProto(key="finn_datatype", value="INT999999999999x")
    m.graph.quantization_annotation.append(onnx.TensorAnnotation(tensor_name="x", quant_parameter_tensor_names=[pair]))


MALFORMED = {
    signed_2: r"node .* \(Quant\) has attribute signed 2; supported: 0 or 1",
    narrow_of_another_kind: r"has attribute narrow of kind FLOAT; supported: 0 or 1",
    rounding_no_text: r"has attribute rounding_mode, which is no text",
    attribute_twice: r"has attribute \w+ twice",
    a_graph_inside: r"has attribute inside of kind GRAPH; supported: values",
    two_producers: r"node odd \(Relu\) makes .*, which is made already",
    a_circle: r"reads .*, which nothing before it makes; the graph must be sorted, without circles",
    another_circle: r"reads .*, which nothing before it makes; the graph must be sorted, without circles",
    too_few_inputs: r"\(Quant\) has 2 inputs; supported: 4",
    too_many_inputs: r"\(Quant\) has 104 inputs; supported: 4",
    an_input_left_out: r"\(Quant\) leaves out one of its first 4 inputs",
    unknown_attribute: r"node odd \(Relu\) has attribute odd; the operator has none",
    more_values_than_told: r"tensor .* has shape .* values, and \d+ are stored",
    fewer_values_than_told: r"tensor .* has shape \[1099511627776\]; supported: up to 16,777,216 values",
    a_negative_dimension: r"tensor .* has shape \[-1.*dimensions of at least 0",
    text_values: r"tensor odd is of type STRING; supported",
    constant_twice: r"tensor .* is stored twice",
    a_huge_input: r"input x has shape .*; supported: up to 16,777,216 values",
    a_huge_batch: r"input x has shape .*; supported: up to 16,777,216 values",
    gigabytes_out_of_a_shape: r"node odd \(ConstantOfShape\) cannot be run: it takes 4,194,304 MB of memory; supported: 512 MB",
    gigabytes_out_of_two_vectors: r"node odd \(Add\) cannot be run: it takes 4,096 MB of memory; supported: 512 MB",
    a_range_without_end: r"node odd \(Range\) cannot be run: it takes 8,388,608 MB of memory; supported: 512 MB",
    hours_of_products: r"\(MatMul\) comes to 18,000,000,000 products with those before it",
    many_nodes: r"the model has 5,\d\d\d nodes; supported: up to 5,000",
    a_function_in_the_place_of_an_operator: r"a function of its own for Relu",
    a_zero_point_that_is_no_number: r"\(Quant\) has nan, not all of which are numbers",
    version_zero: r"version 0 of the operators",
    an_annotation_of_no_type: r"input x is annotated as INT999999999999x, which is no datatype",
}


@pytest.mark.parametrize("change", MALFORMED, ids=lambda change: change.__name__)
def test_malformed_files_are_refused_by_name(model, tmp_path, change):
    change(model)
    (tmp_path / "odd.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError) as refused:
        import_model(tmp_path / "odd.onnx")
    assert re.search(MALFORMED[change], str(refused.value)) and "\n" not in str(refused.value)


def kept_outside(model, tmp_path, **told):
    """The first weights in a file of their own; told: what the model says of it."""
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 2)
    data = numpy_helper.to_array(tensor).tobytes()
    tensor.ClearField("raw_data"), tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.extend(onnx.StringStringEntryProto(key=key, value=value) for key, value in told.items())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "model.onnx").write_bytes(model.SerializeToString())
    for place in ("out.bin", "in/data.bin"):
        (tmp_path / place).write_bytes(data)
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "out.bin")
    with open(tmp_path / "in" / "large.bin", "wb") as file:
        os.truncate(file.fileno(), 2**36)
    return tmp_path / "in" / "model.onnx"


def test_data_beside_the_model_are_read(model, tmp_path):
    assert import_model(kept_outside(model, tmp_path, location="data.bin")).accelerator.layers


@pytest.mark.parametrize("told, message", [
    ({"location": "../out.bin"}, "outside of the model's folder"),
    ({"location": "folder/../data.bin"}, "outside of the model's folder"),
    ({"location": "/etc/hostname"}, "outside of the model's folder"),
    ({"location": "{folder}/in/data.bin"}, "outside of the model's folder"),
    ({"location": "link.bin"}, "outside of the model's folder"),
    ({"location": "data.bin\0"}, "outside of the model's folder"),
    ({"location": "gone.bin"}, "is missing"),
    ({"location": "."}, "is missing"),
    ({}, "is missing"),
    ({"location": "large.bin"}, "no more bytes than they need"),
    ({"location": "data.bin", "offset": "-4"}, "supported: whole numbers"),
    ({"location": "data.bin", "length": "1e9"}, "supported: whole numbers"),
    ({"location": "data.bin", "offset": "8"}, "values, and "),
])
def test_data_elsewhere_or_of_another_size_are_not(model, tmp_path, told, message):
    told = {key: value.format(folder=tmp_path) for key, value in told.items()}
    with pytest.raises((ValueError, OSError), match=message):
        import_model(kept_outside(model, tmp_path, **told))


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / "large.onnx", "wb") as file:
        os.truncate(file.fileno(), 2**36)
    with pytest.raises(ValueError, match="large.onnx: 65,536 MB; supported: up to 128 MB"):
        import_model(tmp_path / "large.onnx")


def nested(depth):
    graph = onnx.GraphProto()
    for _ in range(depth):
        graph = onnx.GraphProto(node=[onnx.NodeProto(attribute=[AttributeProto(g=graph)])])
    return onnx.ModelProto(graph=graph)


@pytest.mark.parametrize("data, message", [
    (b"\x3a\x80\x20" + b"\x0a\x00" * 2**11, "more than 2,000 fields"),
    (nested(25).SerializeToString(), "64 levels"),
    (b"\x3a\x05\x0a", "ends behind the file's end"),
    (b"\x3a" + b"\xff" * 11, "cut short"),
    (b"\x3b", "no known form"),
])
def test_messages_are_counted_before_they_are_read(data, message, monkeypatch):
    monkeypatch.setattr(sizes, "MOST_FIELDS", 2000)
    with pytest.raises(ValueError, match=message):
        check_messages(data)


def test_what_is_counted_is_what_protobuf_finds(model):
    assert check_messages(model.SerializeToString()) is None and check_messages(b"") is None
