"""Float inputs: how they are to be quantised is said by the user, or taken from the data; the Quant is part of the model that is verified."""

import numpy as np
import pytest
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.importer.input_quant import InputQuant
from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference
from tests.qonnx_nets import Net, qonnx_net


def float_input_net():
    """A 6-8-3 net without its standardisation and input quantiser."""
    model = qonnx_net(Net(widths=(6, 8, 3)))
    while model.graph.node[0].name != "fc0.weight_quant":
        del model.graph.node[0]
    next(node for node in model.graph.node if node.name == "fc0").input[0] = "x"
    return model


@pytest.mark.parametrize("text, quant", [("8,0.03125", InputQuant(8, 0.03125)), ("u8,0.00390625", InputQuant(8, 0.00390625, 0, False)),
                                         ("u6,0.25,20", InputQuant(6, 0.25, 20, False))])
def test_text(text, quant):
    assert InputQuant.parse(text) == quant
    assert str(quant) == text


@pytest.mark.parametrize("text", ["8", "8,0.5,1,2", "eight,0.5", "8,half", "8,0.5,0.5", "", "1,0.5", "17,0.5", "8,0", "8,-1", "8,nan", "8,inf"])
def test_mistakes_are_one_line(text):
    with pytest.raises(ValueError, match="--input-quant") as raised:
        InputQuant.parse(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("low, high, quant", [(-1.0, 0.5, InputQuant(8, 2.0**-6)), (0.0, 1.0, InputQuant(8, 2.0**-7, 0, False)),
                                              (-3.0, 127.0, InputQuant(8, 1.0)), (0.0, 0.0, InputQuant(8, 2.0**-27, 0, False))])
def test_from_data_clips_nothing_and_wastes_no_bit(low, high, quant):
    x = np.linspace(low, high, 101).reshape(-1, 1)
    made = InputQuant.from_data(x)
    assert made == quant
    assert np.abs(made.apply(x) - x).max() <= made.scale / 2


@pytest.mark.parametrize("quant", [InputQuant(8, 0.0625), InputQuant(4, 0.3), InputQuant(6, 0.25, 20, False), InputQuant(12, 0.01)])
def test_every_layer_equals_onnxruntime_on_quantised_inputs(quant):
    imported = import_model(float_input_net(), input_quant=quant)
    accelerator, reference = imported.accelerator, Reference(imported)
    x = np.random.default_rng(0).normal(0, 2, (1000, 6)).astype(np.float32)
    q = accelerator.quantise(x)
    assert np.array_equal(q, accelerator.quantise(quant.apply(x)))
    clear = ~imported.borderline.samples(accelerator, q)
    assert clear.mean() > 0.95
    expected = reference.layer_integers(x)
    for layer in accelerator.layers:
        q = layer.execute(q)
        assert np.array_equal(q[clear], expected[layer.name][clear]), layer.name


def test_a_quantised_input_needs_none():
    with pytest.raises(ValueError, match="node input_quant .* quantises the input already; leave --input-quant 8,0.5 out"):
        import_model(qonnx_net(Net(widths=(6, 8, 3))), input_quant=InputQuant(8, 0.5))


def test_annotated_inputs_need_none():
    model = ModelWrapper(float_input_net())
    model.set_tensor_datatype("x", DataType["UINT8"])
    with pytest.raises(ValueError, match="input x is annotated as UINT8 already; leave --input-quant 8,0.5 out"):
        import_model(model, input_quant=InputQuant(8, 0.5))


def test_without_it_the_refusal_names_it():
    with pytest.raises(ValueError, match="--input-quant BITS,SCALE"):
        import_model(float_input_net())
