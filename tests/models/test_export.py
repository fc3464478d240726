"""The exported model is the trained one, and its biases never let an accumulator fall on a rounding tie."""

import numpy as np
import onnx
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from models import qap
from models.biases import accumulator_lsb, activation_scales, snap_biases
from models.drivers import alone
from models.export import compare, export
from tests.models.synthetic import TINY, synthetic_tensors


@pytest.fixture(scope="module")
def deployable():
    tensors = synthetic_tensors()
    model, prepared, start, _ = alone(qap.train_dense(TINY, tensors))
    alone(qap.prune(model, TINY, "fisher", prepared, start))
    snap_biases(model)
    return model, tensors


def test_export_equals_the_model(deployable, tmp_path):
    model, tensors = deployable
    export(model, tmp_path / "net" / "model.onnx", tensors.test.x[:50])
    written = onnx.load(tmp_path / "net" / "model.onnx")
    assert [node.op_type for node in written.graph.node if node.op_type != "Quant"] == [
        "Sub", "Div", "Gemm", "Relu", "Gemm", "Relu", "Gemm"]
    assert written.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert [path.name for path in (tmp_path / "net").iterdir()] == ["model.onnx"]
    kept = [np.count_nonzero(onnx.numpy_helper.to_array(t)) for t in written.graph.initializer if len(t.dims) == 2]
    assert sum(kept) == round(0.3 * sum(w.numel() for w in model.weights))


def test_a_differing_export_is_refused(deployable, tmp_path):
    model, tensors = deployable
    export(model, tmp_path / "model.onnx", tensors.test.x[:2])
    wrapper = ModelWrapper(str(tmp_path / "model.onnx"))
    name = next(t.name for t in wrapper.graph.initializer if list(t.dims) == [8])
    wrapper.set_initializer(name, wrapper.get_initializer(name) + np.float32(1))
    for value in (wrapper.graph.input[0], wrapper.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    wrapper = wrapper.transform(InferShapes())
    with pytest.raises(RuntimeError, match=r"differs from the trained one on \d+ of 20 samples; first at"):
        compare(model, wrapper, tensors.test.x[:20])


def test_no_accumulator_lies_on_a_tie(deployable):
    model, _ = deployable
    scales = activation_scales(model)
    for i, layer in enumerate(model.layers[:-1]):
        lsb = accumulator_lsb(model, i, scales[i])
        halves = layer.bias.detach().double() / (lsb / 2)
        assert torch.equal(halves, halves.round()) and torch.all(halves % 2 == 1)
        accumulators = torch.arange(-5000, 5000).double()[:, None] * lsb + layer.bias.detach().double()
        assert not torch.any((accumulators / scales[i + 1]) % 1 == 0.5)
    last = model.layers[-1].bias.detach() / accumulator_lsb(model, 2, scales[2])
    assert torch.equal(last, last.round())


def test_float_layers_cannot_be_snapped():
    model = qap.build(TINY.with_fields(weight_bits=(4, 32, 4)), synthetic_tensors())
    with pytest.raises(ValueError, match="layer 1 has float weights"):
        snap_biases(model)


def test_too_fine_an_activation_is_refused():
    model = qap.build(TINY.with_fields(weight_bits=2, input_bits=2, activation_bits=12), synthetic_tensors())
    with pytest.raises(ValueError, match="layer 0: its activation's scale .* rounding ties"):
        snap_biases(model)
