"""What Brevitas' users export builds exactly: biases, one bit, zero points, rounding modes, both exporters."""

import numpy as np
import pytest

from tests.exported import assert_exact, brevitas_file, calibrated, values

torch = pytest.importorskip("torch")
qnn = pytest.importorskip("brevitas.nn")
from brevitas.export import export_onnx_qcdq, export_qonnx  # noqa: E402
from brevitas.quant import fixed_point, scaled_int, shifted_scaled_int  # noqa: E402

from tests.fuzz.brevitas_nets import Trunc  # noqa: E402

EXPORTERS = [export_qonnx, export_onnx_qcdq]
IDENTITY = scaled_int.Int8ActPerTensorFloat


def mlp(enter=None, between=None, weight=scaled_int.Int8WeightPerChannelFloat, bias=None, end=()):
    enter = enter or qnn.QuantIdentity(act_quant=IDENTITY, return_quant_tensor=True)
    between = between or qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
    options = {"bias": True, "bias_quant": bias, "weight_quant": weight, "weight_bit_width": 4}
    torch.manual_seed(1)
    return calibrated(torch.nn.Sequential(enter, qnn.QuantLinear(8, 6, **options), between, qnn.QuantLinear(6, 4, **options), *end), 8)


def exact(net, exporter, dynamo=False):
    scale = float(net[0].act_quant.scale())
    assert_exact(brevitas_file(exporter, net, 8, dynamo), values(8, scale, -140, 140))


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("bias", [scaled_int.Int8Bias, scaled_int.Int32Bias, scaled_int.Int8BiasPerTensorFloatInternalScaling],
                         ids=lambda bias: bias.__name__)
def test_quantised_biases_in_every_layer(bias, exporter):
    exact(mlp(bias=bias), exporter)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("weight", [scaled_int.Int8WeightPerTensorFloat, scaled_int.Int8WeightPerChannelFloat,
                                    fixed_point.Int8WeightPerChannelFixedPoint, shifted_scaled_int.ShiftedUint8WeightPerTensorFloat,
                                    shifted_scaled_int.ShiftedUint8WeightPerChannelFloat], ids=lambda weight: weight.__name__)
def test_weights(weight, exporter):
    exact(mlp(weight=weight), exporter)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_an_asymmetric_input(exporter):
    act = shifted_scaled_int.ShiftedUint8ActPerTensorFloat
    exact(mlp(qnn.QuantIdentity(act_quant=act, return_quant_tensor=True)), exporter)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("between", [lambda: qnn.QuantHardTanh(min_val=-0.5, max_val=1.0, bit_width=4), lambda: qnn.QuantSigmoid(bit_width=4),
                                     lambda: qnn.QuantTanh(bit_width=4)], ids=["hardtanh", "sigmoid", "tanh"])
def test_activations(between, exporter):
    exact(mlp(between=between()), exporter)


@pytest.mark.parametrize("rounding", ["FLOOR", "CEIL"])
def test_rounding_modes_at_inputs_and_activations(rounding):
    enter = qnn.QuantIdentity(act_quant=IDENTITY, float_to_int_impl_type=rounding, return_quant_tensor=True)
    exact(mlp(enter, qnn.QuantReLU(bit_width=4, float_to_int_impl_type=rounding, return_quant_tensor=True)), export_qonnx)


def test_relu_behind_a_quantiser():
    exact(mlp(between=torch.nn.Sequential(qnn.QuantIdentity(bit_width=4), torch.nn.ReLU())), export_qonnx)


def test_a_softmax_and_a_quantised_output():
    exact(mlp(end=[torch.nn.Softmax(dim=1)]), export_qonnx)
    exact(mlp(end=[qnn.QuantIdentity(bit_width=6)]), export_onnx_qcdq)


@pytest.mark.slow
@pytest.mark.parametrize("exporter", EXPORTERS)
def test_the_default_path_through_torch_export(exporter):
    exact(mlp(), exporter, dynamo=True)


WIDTHS = {"TFC": 64, "SFC": 256, "LFC": 1024}


@pytest.mark.parametrize("name, weight, act", [
    ("TFC", 1, 1), ("TFC", 1, 2), pytest.param("SFC", 1, 1, marks=pytest.mark.slow), pytest.param("LFC", 1, 1, marks=pytest.mark.slow),
    pytest.param("LFC", 1, 2, marks=pytest.mark.slow)])
def test_finns_own_networks(name, weight, act):
    fc = pytest.importorskip("brevitas_examples.bnn_pynq.models.FC")
    torch.manual_seed(0)
    net = fc.FC(10, weight, act, act, 1, [WIDTHS[name]] * 3)
    rng = np.random.default_rng(0)
    net(torch.tensor(rng.random((64, 1, 28, 28)), dtype=torch.float32))
    x = (rng.integers(0, 256, (40, 784)) / 255).astype(np.float32)
    assert_exact(brevitas_file(export_qonnx, net.eval(), (1, 28, 28)), x)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("kind", [scaled_int.TruncTo8bit, scaled_int.RoundTo8bit, scaled_int.ShiftRoundSaturateTo8bit], ids=lambda kind: kind.__name__)
def test_truncated_activations(kind, exporter):
    net = torch.nn.Sequential(qnn.QuantIdentity(bit_width=6, return_quant_tensor=True), qnn.QuantLinear(8, 6, bias=False, weight_bit_width=4),
                              qnn.QuantReLU(bit_width=8, return_quant_tensor=True), Trunc(kind, bit_width=4),
                              qnn.QuantLinear(6, 4, bias=False, weight_bit_width=4))
    exact(calibrated(net, 8), exporter)
