"""What cannot be built gets one line that names the node and says what is supported."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from finn_steps.importer.lower import import_model
from tests.qonnx_nets import Net, qonnx_net


def model():
    return qonnx_net(Net(widths=(4, 6, 3)))


def node(m, name):
    return next(n for n in m.graph.node if n.name == name)


def constant(m, name, value):
    for tensor in [t for t in m.graph.initializer if t.name == name]:
        m.graph.initializer.remove(tensor)
    m.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))


def insert_after(m, name, kind, *extra, **attributes):
    """A new node `odd` behind node `name`."""
    before = node(m, name)
    output, inner = before.output[0], f"{name}.inner"
    for reader in m.graph.node:
        for i, tensor in enumerate(reader.input):
            if tensor == output:
                reader.input[i] = "odd"
    position = list(m.graph.node).index(before) + 1
    m.graph.node.insert(position, helper.make_node(kind, [output, *extra], ["odd"], name="odd", **attributes))
    if m.graph.output[0].name == output:
        m.graph.output[0].name = "odd"
    return inner


def convolution(m):
    constant(m, "kernel", np.ones((1, 4, 1)))
    insert_after(m, "input_quant", "Conv", "kernel")


def float_layer(m):
    constant(m, "fc1.w", np.random.default_rng(0).normal(size=(3, 6)))
    node(m, "fc1").input[1] = "fc1.w"


def two_inputs(m):
    m.graph.input.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, [1, 4]))


def two_outputs(m):
    m.graph.output.append(helper.make_tensor_value_info("fc0.relu", TensorProto.FLOAT, [1, 6]))


def residual(m):
    insert_after(m, "fc0.act", "Add", "fc0.relu")


def branch(m):
    m.graph.node.append(helper.make_node("Relu", ["fc0.act"], ["unused"], name="odd"))


def unknown_operator(m):
    insert_after(m, "fc0", "Sin")


def not_monotone(m):
    insert_after(m, "fc0", "Mish")


def unknown_domain(m):
    insert_after(m, "fc0", "Magic", domain="my.company")


def no_hidden_quantiser(m):
    m.graph.node.remove(node(m, "fc0.act"))
    node(m, "fc1").input[0] = "fc0.relu"


def no_input_quantiser(m):
    m.graph.node.remove(node(m, "input_quant"))
    node(m, "fc0").input[0] = "standardised"


def falling_and_rising(m):
    insert_after(m, "fc0", "LeakyRelu", alpha=-0.5)


def reciprocal(m):
    insert_after(m, "fc0", "Div")
    constant(m, "one", 1)
    node(m, "odd").input[:] = ["one", "fc0"]


def computed_weights(m):
    position = list(m.graph.node).index(node(m, "fc0"))
    m.graph.node.insert(position, helper.make_node("Tanh", ["fc0.weight_quant"], ["fc0.curved"], name="odd"))
    node(m, "fc0").input[1] = "fc0.curved"


def unsorted(m):
    m.graph.node.insert(0, helper.make_node("Relu", ["fc0"], ["odd"], name="odd"))


def dynamic_weights(m):
    node(m, "fc1").input[1] = "fc0.act"


def rounding(m):
    next(a for a in node(m, "fc0.act").attribute if a.name == "rounding_mode").s = b"STOCHASTIC"


def scale_by_activation(m):
    scales = m.graph.node[0].output[0]
    node(m, "fc0.act").input[1] = scales


def zero_scale(m):
    constant(m, "fc0.act.scale", 0)


def too_many_bits(m):
    constant(m, "fc0.act.bits", 20)


def operator_behind_quantiser(m):
    insert_after(m, "fc0.act", "Sigmoid")


def strange_tail(m):
    insert_after(m, "fc1", "Erf")


def lone_dequantise(m):
    constant(m, "odd.scale", 0.5)
    m.graph.initializer.append(numpy_helper.from_array(np.uint8(0), "odd.zero"))
    insert_after(m, "fc0", "DequantizeLinear", "odd.scale", "odd.zero")


def open_features(m):
    m.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "features"


def no_layer(m):
    del m.graph.node[3:]
    m.graph.output[0].name = "input_quant"


CASES = {
    convolution: ("odd", "convolution"), float_layer: ("fc1", "float layer"), two_inputs: ("second", "one input"),
    two_outputs: ("fc0.relu", "one output"), residual: ("odd", "residual"), branch: ("odd", "branches"),
    unknown_operator: ("odd", "Sin"), not_monotone: ("odd", "Mish"), unsorted: ("odd", "sorted"), unknown_domain: ("odd", "Magic"), no_hidden_quantiser: ("fc1", "quantiser"),
    no_input_quantiser: ("fc0", "--input-quant"),
    falling_and_rising: ("odd", "monotone"), reciprocal: ("odd", "monotone"),
    computed_weights: ("fc0", "not quantised"),
    dynamic_weights: ("fc1", "fc0.act"), rounding: ("fc0.act", "STOCHASTIC"), scale_by_activation: ("fc0.act", "branches"),
    zero_scale: ("fc0.act", "scale"), too_many_bits: ("fc1", "quantiser"), operator_behind_quantiser: ("odd", "multiples of one step"),
    strange_tail: ("odd", "Erf"), lone_dequantise: ("odd", "DequantizeLinear"), open_features: ("x", "fixed shape"),
    no_layer: ("model", "MatMul or Gemm"),
}


@pytest.mark.parametrize("change", CASES, ids=lambda change: change.__name__)
def test_one_line_names_the_node(change):
    m = model()
    change(m)
    with pytest.raises(ValueError) as raised:
        import_model(m)
    message = str(raised.value)
    assert "\n" not in message
    for expected in CASES[change]:
        assert expected in message, message


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.onnx"):
        import_model(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"not a model", None], ids=["empty", "text", "truncated"])
def test_broken_file(tmp_path, content):
    path = tmp_path / "broken.onnx"
    whole = model().SerializeToString()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ValueError, match="broken.onnx: not an ONNX model, or truncated") as raised:
        import_model(path)
    assert "\n" not in str(raised.value)




@pytest.mark.parametrize("activation", ["Relu", "Tanh"])
def test_a_float_network_is_shown_the_way_to_train_it(activation, tmp_path):
    """Whatever is refused first: the command, with the file in it as a shell takes it."""
    weights = [numpy_helper.from_array(np.full(shape, 0.37, np.float32), name) for shape, name in (((3, 4), "w0"), ((4, 2), "w1"))]
    nodes = [helper.make_node("MatMul", ["x", "w0"], ["a"], name="fc0"), helper.make_node(activation, ["a"], ["b"], name="act"),
             helper.make_node("MatMul", ["b", "w1"], ["y"], name="fc1")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name, width in (("x", 3), ("y", 2))]
    path = tmp_path / "my net.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)), path)
    with pytest.raises(ValueError) as raised:
        import_model(path)
    assert f"train --from '{path}' --data TABLE --label COLUMN" in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("change", [convolution, float_layer, no_hidden_quantiser, no_layer])
def test_a_quantised_network_is_not_sent_to_train(change, tmp_path):
    m = model()
    change(m)
    onnx.save(m, tmp_path / "net.onnx")
    with pytest.raises(ValueError) as raised:
        import_model(tmp_path / "net.onnx")
    assert "train --from" not in str(raised.value)
