"""Files of kinds that other exporters write, from the file to simulated hardware."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from build_dataflow.building import build
from build_dataflow.configuration import read_options
from deploy.network import Network

DOMAIN = "qonnx.custom_op.general"


class Writer:
    """A model in the making."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, value, dtype=np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, kind, *inputs, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [f"t{len(self.nodes)}"], name=f"{kind}_{len(self.nodes)}", **attributes))
        return self.nodes[-1].output[0]

    def quant(self, tensor, scale, bits, signed=1) -> str:
        parameters = [self.constant(value) for value in (scale, 0, bits)]
        return self.node("Quant", tensor, *parameters, domain=DOMAIN, signed=signed, narrow=0, rounding_mode="ROUND")

    def save(self, path, end, features, outputs, element=TensorProto.FLOAT):
        graph = helper.make_graph(self.nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", features])],
                                  [helper.make_tensor_value_info(end, element, ["n", outputs])], self.constants)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)], ir_version=8), path)
        return path


def built(path, tmp_path, **more):
    summary = build(read_options(str(path), {"samples": 300, "synthesis": False, "proof": False, **more}), tmp_path / "out")
    checked = summary["verification"]["original"]
    assert checked["mismatches"] == 0 and checked["samples"] > 300
    return summary


def test_any_scale_for_each_input_and_a_label(tmp_path):
    """Scales of no common ratio: weights of more than 16 bits, accumulators of more than 24; ArgMax is built as the label."""
    net, rng = Writer(), np.random.default_rng(5)
    tensor = net.quant("x", rng.uniform(0.05, 0.3, (1, 8)), 6)
    tensor = net.node("MatMul", tensor, net.constant(rng.integers(-7, 8, (8, 9)) * 0.25))
    tensor = net.quant(net.node("Relu", tensor), 0.5, 4, signed=0)
    tensor = net.node("MatMul", tensor, net.constant(rng.integers(-7, 8, (9, 4)) * 0.25))
    summary = built(net.save(tmp_path / "scales.onnx", net.node("ArgMax", tensor, axis=-1, keepdims=1), 8, 1, TensorProto.INT64), tmp_path)
    assert summary["hardware"]["last_layer"] == "label"
    assert int(summary["hardware"]["layers"][0]["accdt"].removeprefix("INT")) > 24


def test_pixels_as_bytes(tmp_path):
    """Annotated UINT8, Div 255, permuted and halved: the hardware takes the bytes, and the driver what the file takes."""
    from qonnx.core.datatype import DataType
    from qonnx.core.modelwrapper import ModelWrapper

    net, rng = Writer(), np.random.default_rng(6)
    tensor = net.node("Div", "x", net.constant(255))
    tensor = net.node("Gather", tensor, net.constant([5, 0, 3, 3, 1, 7], np.int64), axis=1)
    tensor = net.node("MatMul", tensor, net.constant(rng.integers(-7, 8, (6, 7)) * 0.125))
    tensor = net.quant(net.node("Elu", tensor), 0.125, 4)
    tensor = net.node("MatMul", tensor, net.constant(rng.integers(-7, 8, (7, 3)) * 0.5))
    path = net.save(tmp_path / "bytes.onnx", net.node("LogSoftmax", tensor, axis=-1), 8, 3)
    wrapper = ModelWrapper(str(path))
    wrapper.set_tensor_datatype("x", DataType["UINT8"])
    wrapper.save(str(path))
    summary = built(path, tmp_path)
    assert summary["hardware"]["layers"][0]["idt"] == "UINT8"
    network = Network.load(tmp_path / "out" / "driver")
    x = rng.integers(0, 256, (5, 8)).astype(np.float32)
    assert np.array_equal(network.quantise(x), x[:, [5, 0, 3, 3, 1, 7]])


def test_float_inputs_by_option(tmp_path):
    net, rng = Writer(), np.random.default_rng(7)
    tensor = net.node("MatMul", "x", net.constant(rng.integers(-3, 4, (5, 6)) * 0.5))
    tensor = net.quant(net.node("Relu", tensor), 0.5, 3, signed=0)
    end = net.node("MatMul", tensor, net.constant(rng.integers(-3, 4, (6, 2)) * 0.5))
    path = net.save(tmp_path / "floats.onnx", end, 5, 2)
    with pytest.raises(ValueError, match="--input-quant"):
        build(read_options(str(path), {"synthesis": False}), tmp_path / "refused")
    summary = built(path, tmp_path, input_quant="5,0.25")
    assert summary["model"]["input_quant"] == "5,0.25"
    with pytest.raises(ValueError, match="--data"):
        read_options(str(path), {"input_quant": "auto"})
