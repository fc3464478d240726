"""Every hidden integer and every output of the imported network equals onnxruntime on the standard model."""

import numpy as np
import pytest

from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference
from tests.qonnx_nets import Net, model_inputs, qonnx_net

SAMPLES = 2000

NETS = {
    "pow2": Net(),
    "pow2-batch-norm": Net(batch_norm=True),
    "float": Net(scales="float"),
    "float-batch-norm": Net(scales="float", batch_norm=True),
    "float-per-channel": Net(scales="float", batch_norm=True, per_channel=True),
    "signed": Net(signed=True, activation_bits=3),
    "signed-6-bit-matmul": Net(signed=True, activation_bits=6, weight_bits=6, gemm=False),
    "one-bit": Net(activation_bits=1, weight_bits=2),
    "bipolar": Net(bipolar=True, weight_bits=1, batch_norm=True),
    "bipolar-float": Net(bipolar=True, scales="float"),
    "quantised-output": Net(output_bits=6),
    "softmax": Net(softmax=True, scales="float"),
    "floor": Net(rounding="FLOOR"),
    "zero-point": Net(zero_point=3),
    "sigmoid": Net(activation="Sigmoid", scales="float"),
    "tanh": Net(activation="Tanh", signed=True, batch_norm=True),
    "leaky-relu": Net(activation="LeakyRelu", signed=True),
    "sixteen-bit-output": Net(output_bits=16),
    "one-layer": Net(widths=(16, 5)),
    "odd-widths": Net(widths=(7, 13, 1), zeros=0.3),
}


@pytest.mark.parametrize("name", NETS)
def test_all_layers_equal_onnxruntime(name):
    net = NETS[name]
    for seed in (0, 1):
        imported = import_model(qonnx_net(net, seed))
        accelerator, reference = imported.accelerator, Reference(imported)
        x = model_inputs(net.widths[0], SAMPLES, seed)
        expected = reference.layer_integers(x)
        clear = ~imported.borderline.samples(accelerator, accelerator.quantise(x))
        assert clear.all() or net.scales == "float" or net.batch_norm
        q = accelerator.quantise(x)
        assert np.array_equal(q, expected["input"])
        for layer in accelerator.layers:
            q = layer.execute(q)
            assert np.array_equal(q[clear], expected[layer.name][clear]), layer.name
            assert len(np.unique(q)) > 1
        outputs, model_outputs = accelerator.dequantise(q), reference.outputs(x)
        if net.scales == "pow2" and not net.softmax:
            assert np.array_equal(outputs, model_outputs)
        assert np.allclose(outputs[clear], model_outputs[clear], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scales", ["pow2", "float"])
def test_borderline_is_empty_only_where_float32_is_exact(scales):
    imported = import_model(qonnx_net(Net(scales=scales)))
    assert (not imported.borderline.layers) == (scales == "pow2")


def test_reference_batches_as_single_samples():
    reference = Reference(import_model(qonnx_net(Net(scales="float", batch_norm=True))))
    x = model_inputs(16, 50, 0)
    assert np.array_equal(reference.integers(x), np.concatenate([reference.integers(row[None]) for row in x]))


def test_reference_equals_qonnx_execution():
    """qonnx runs the Quant nodes itself; nothing of ours is in its way."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = qonnx_net(Net(batch_norm=True))
    reference = Reference(import_model(model))
    wrapper = ModelWrapper(model).transform(InferShapes())
    x = model_inputs(16, 20, 0)
    output = model.graph.output[0].name
    expected = np.concatenate([execute_onnx(wrapper, {"x": row[None]})[output] for row in x])
    assert np.array_equal(reference.outputs(x), expected)
