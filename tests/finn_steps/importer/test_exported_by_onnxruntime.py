"""What onnxruntime.quantization's static quantisation writes builds exactly: QDQ and QOperator, every type, per tensor and channel."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

from finn_steps.importer.lower import import_model
from tests.exported import SAMPLES, assert_exact
from tests.fuzz.ort_nets import quantised

TYPES = [(QuantType.QUInt8, QuantType.QInt8), (QuantType.QInt8, QuantType.QInt8), (QuantType.QUInt8, QuantType.QUInt8)]
NARROW = [(QuantType.QUInt8, QuantType.QInt4), (QuantType.QInt8, QuantType.QUInt4)]
WIDE = [(QuantType.QInt16, QuantType.QInt8), (QuantType.QUInt16, QuantType.QInt8)]
"""Of activations and weights."""


def classifier(opset: int, softmax: bool = False, square: bool = False) -> onnx.ModelProto:
    """Gemm, Relu, Gemm, as torch writes them."""
    rng = np.random.default_rng(0)
    hidden = 8 if square else 6
    constants = [numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name) for name, shape in
                 (("w0", (hidden, 8)), ("b0", (hidden,)), ("w1", (4, hidden)), ("b1", (4,)))]
    nodes = [helper.make_node("Gemm", ["x", "w0", "b0"], ["a"], name="fc0", transB=1), helper.make_node("Relu", ["a"], ["r"], name="relu"),
             helper.make_node("Gemm", ["r", "w1", "b1"], ["y"], name="fc1", transB=1)]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["y"], ["p"], name="softmax", axis=-1))
    graph = helper.make_graph(nodes, "float", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
                              [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["batch", 4])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 21 else 10)


def exact(model: onnx.ModelProto, form: QuantFormat, types, **options):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1.5, (64, 8)).astype(np.float32)
    data = quantised(model, {"quant_format": form, "activation_type": types[0], "weight_type": types[1], **options}, x)
    assert_exact(data, rng.normal(0, 1.5, (SAMPLES, 8)).astype(np.float32))


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("types", TYPES, ids=str)
@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator], ids=str)
def test_eight_bits(form, types, per_channel):
    """QOperator with the default types needs the reduced range: without VNNI onnxruntime's products of uint8 and int8 overflow."""
    reduced = form == QuantFormat.QOperator and types == (QuantType.QUInt8, QuantType.QInt8)
    exact(classifier(17, square=True), form, types, per_channel=per_channel, reduce_range=reduced)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("types", NARROW + WIDE, ids=str)
def test_four_and_sixteen_bits(types, per_channel):
    exact(classifier(21), QuantFormat.QDQ, types, per_channel=per_channel)


@pytest.mark.parametrize("options", [{"ActivationSymmetric": True}, {"WeightSymmetric": False}, {"AddQDQPairToWeight": True}, {"QuantizeBias": False},
                                     {"QDQKeepRemovableActivations": True}], ids=str)
def test_extra_options(options):
    exact(classifier(17), QuantFormat.QDQ, TYPES[0], extra_options=options)


@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator], ids=str)
def test_reduced_range(form):
    exact(classifier(17), form, TYPES[0], reduce_range=True)


def refusal(model: onnx.ModelProto, tmp_path) -> str:
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ValueError) as told:
        import_model(tmp_path / "model.onnx")
    return str(told.value)


def test_dynamic_quantisation_is_refused_with_the_way_out(tmp_path):
    onnx.save(classifier(17), tmp_path / "float.onnx")
    quantize_dynamic(tmp_path / "float.onnx", tmp_path / "dynamic.onnx")
    said = refusal(onnx.load(tmp_path / "dynamic.onnx"), tmp_path)
    assert "(DynamicQuantizeLinear) takes its scale from each sample" in said and "quantize_static" in said


def test_weights_quantised_alone_are_refused_with_the_way_out(tmp_path):
    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.normal(0, 0.5, (32, 4)).astype(np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")], "float",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 32])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])], [weights])
    quantizer = MatMulNBitsQuantizer(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    quantizer.process()
    assert "(MatMulNBits) has quantised weights and float activations" in refusal(quantizer.model.model, tmp_path)
