"""Networks defined in Brevitas and exported by Brevitas, as a user would."""

import numpy as np
import onnx
import pytest

from finn_steps.importer.evaluate import session
from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference
from tests.qonnx_nets import model_inputs

torch = pytest.importorskip("torch")
qnn = pytest.importorskip("brevitas.nn")


def network(scaling, batch_norm, bits, narrow_output=False):
    from brevitas.inject.enum import RestrictValueType
    from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat, Int8WeightPerTensorFloat, Uint8ActPerTensorFloat

    torch.manual_seed(0)
    weight = Int8WeightPerChannelFloat if scaling == "per-channel" else Int8WeightPerTensorFloat
    pow2 = {"restrict_scaling_type": RestrictValueType.POWER_OF_TWO} if scaling == "pow2" else {}
    w = {"weight_quant": weight, "weight_bit_width": bits, **{f"weight_{k}": v for k, v in pow2.items()}}
    modules = [qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, bit_width=8, **pow2)]
    for MW, MH in ((16, 24), (24, 16)):
        modules.append(qnn.QuantLinear(MW, MH, bias=True, **w))
        if batch_norm:
            modules.append(torch.nn.BatchNorm1d(MH))
        modules.append(qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=bits, **pow2))
    modules.append(qnn.QuantLinear(16, 5, bias=True, **w))
    if narrow_output:
        modules.append(qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, bit_width=6, **pow2))
    net = torch.nn.Sequential(*modules)
    for _ in range(20):
        net(torch.randn(64, 16))
    return net.eval()


def export(net, path, qcdq=False):
    from brevitas.export import export_onnx_qcdq, export_qonnx

    (export_onnx_qcdq if qcdq else export_qonnx)(net, torch.randn(1, 16), export_path=str(path), dynamo=False)
    return path


@pytest.mark.parametrize("scaling", ["pow2", "float", "per-channel"])
@pytest.mark.parametrize("batch_norm, bits, quantised_output", [(False, 4, False), (True, 4, True), (True, 6, False)])
def test_qonnx_export(tmp_path, scaling, batch_norm, bits, quantised_output):
    net = network(scaling, batch_norm, bits, quantised_output)
    check(export(net, tmp_path / "model.onnx"), net, exact=scaling == "pow2")


@pytest.mark.parametrize("batch_norm", [False, True])
def test_qcdq_export(tmp_path, batch_norm):
    net = network("pow2", batch_norm, 4)
    """onnxruntime runs the exported file itself, without graph optimisation, which drops the Clip (11 of 50 samples differ)."""
    path = export(net, tmp_path / "model.onnx", qcdq=True)
    check(path, net, exact=True)
    plain, x = session(onnx.load(path)), model_inputs(16, 50, 1)
    outputs = np.concatenate([plain.run(None, {plain.get_inputs()[0].name: row[None]})[0] for row in x])
    assert np.array_equal(Reference(import_model(path)).outputs(x), outputs)


def check(path, net, exact):
    imported = import_model(path)
    accelerator, reference = imported.accelerator, Reference(imported)
    x = model_inputs(16, 1000, 0)
    expected, clear = reference.layer_integers(x), ~imported.borderline.samples(accelerator, accelerator.quantise(x))
    q = accelerator.quantise(x)
    assert np.array_equal(q, expected["input"])
    for layer in accelerator.layers:
        q = layer.execute(q)
        assert np.array_equal(q[clear], expected[layer.name][clear]), layer.name
    with torch.no_grad():
        torch_outputs = net(torch.from_numpy(x))
    torch_outputs = getattr(torch_outputs, "value", torch_outputs).numpy()
    differing = np.any(~np.isclose(accelerator.dequantise(q), torch_outputs, rtol=1e-4, atol=1e-4), axis=1)
    assert differing.mean() <= (0 if exact else 0.01)
