"""Asymmetric activations, as Quant and as QuantizeLinear: they round ties differently when the zero point is odd."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from finn_steps.importer.evaluate import session
from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference


def qcdq_net(zero_point):
    rng = np.random.default_rng(0)
    constants = {"s": np.float32(0.25), "z": np.uint8(zero_point), "ws": np.float32(0.125), "wz": np.int8(0),
                 "w0": rng.integers(-7, 8, (6, 8)).astype(np.int8), "w1": rng.integers(-7, 8, (8, 3)).astype(np.int8)}
    nodes, tensor = [], "x"
    for number in (0, 1):
        names = [f"{kind}{number}" for kind in ("q", "d", "dw", "m")]
        nodes += [helper.make_node("QuantizeLinear", [tensor, "s", "z"], [names[0]], name=names[0]),
                  helper.make_node("DequantizeLinear", [names[0], "s", "z"], [names[1]], name=names[1]),
                  helper.make_node("DequantizeLinear", [f"w{number}", "ws", "wz"], [names[2]], name=names[2]),
                  helper.make_node("MatMul", [names[1], names[2]], [names[3]], name=names[3])]
        tensor = names[3]
    graph = helper.make_graph(nodes, "qcdq", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])],
                              [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["n", 3])],
                              [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("zero_point", [0, 3, 128])
def test_quantize_linear_is_exact_on_ties(zero_point):
    model = qcdq_net(zero_point)
    onnx.checker.check_model(model)
    imported = import_model(model)
    x = np.random.default_rng(1).integers(-1200, 1200, (2000, 6)).astype(np.float32) / 8 * 0.25
    q = imported.accelerator.quantise(x)
    answers = imported.accelerator.execute(q)
    assert np.array_equal(answers, Reference(imported).integers(x))
    expected = session(model).run(None, {"x": x})[0]
    assert np.array_equal(imported.accelerator.dequantise(answers), expected)
    assert len(np.unique(imported.accelerator.layers[0].execute(q))) > 20
