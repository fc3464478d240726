"""Inputs without a quantiser: the annotated datatype, through whatever head the model has."""

import numpy as np
import pytest
from onnx import helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference
from tests.qonnx_nets import Net, qonnx_net


def annotated(datatype, *head):
    """A net whose input is annotated and reaches the first layer through `head`: (operator, constant) pairs."""
    model = qonnx_net(Net(widths=(8, 12, 3)))
    graph = model.graph
    while graph.node[0].name != "fc0.weight_quant":
        del graph.node[0]
    tensor = "x"
    for number, (kind, value) in enumerate(head):
        graph.initializer.append(numpy_helper.from_array(np.float32(value), f"head{number}"))
        graph.node.insert(number, helper.make_node(kind, [tensor, f"head{number}"], [f"h{number}"], name=f"h{number}"))
        tensor = f"h{number}"
    next(node for node in graph.node if node.name == "fc0").input[0] = tensor
    wrapper = ModelWrapper(model)
    wrapper.set_tensor_datatype("x", DataType[datatype])
    return wrapper


CASES = {
    "bipolar": ("BIPOLAR", [], "BINARY"),
    "bipolar-scaled": ("BIPOLAR", [("Mul", 0.5)], "BINARY"),
    "bipolar-to-binary": ("BIPOLAR", [("Add", 1), ("Div", 2)], "BINARY"),
    "int4": ("INT4", [], "INT4"),
    "uint8-scaled": ("UINT8", [("Div", 256)], "UINT8"),
    "uint8-centred": ("UINT8", [("Sub", 128), ("Mul", 0.0078125)], "UINT8"),
    "uint8-of-255": ("UINT8", [("Div", 255)], "UINT8"),
    "uint8-by-channel": ("UINT8", [("Sub", np.arange(120, 128)), ("Div", [64, 32, 128, 64, 64, 16, 32, 64])], "UINT8"),
    "uint8-any-deviation": ("UINT8", [("Sub", np.linspace(99.5, 131.7, 8)), ("Div", np.linspace(51.3, 74.9, 8))], "UINT8"),
    "int4-shifted": ("INT4", [("Add", 0.25)], "INT4"),
    "int4-unequal": ("INT4", [("Mul", [1, 1, 1, 1, 2, 1, 1, 3])], "INT4"),
    "int4-falling": ("INT4", [("Mul", [1, -1, 1, 1, -2, 1, 1, 3])], "INT4"),
    "int4-relu": ("INT4", [("Max", 0)], "UINT3"),
    "ternary": ("TERNARY", [], "TERNARY"),
}


@pytest.mark.parametrize("name", CASES)
def test_every_layer_equals_onnxruntime(name):
    datatype, head, idt = CASES[name]
    imported = import_model(annotated(datatype, *head))
    accelerator = imported.accelerator
    assert accelerator.idt == idt
    low, high = int(DataType[datatype].min()), int(DataType[datatype].max())
    values = [-1, 1] if datatype == "BIPOLAR" else range(low, high + 1)
    x = np.random.default_rng(0).choice(values, (2000, 8)).astype(np.float32)
    expected, q = Reference(imported).layer_integers(x), accelerator.quantise(x)
    clear = ~imported.borderline.samples(accelerator, q)
    assert clear.mean() > 0.9
    for layer in accelerator.layers:
        q = layer.execute(q)
        assert np.array_equal(q[clear], expected[layer.name][clear])


def test_levels_off_the_grid_are_refused():
    with pytest.raises(ValueError, match="multiples of one step"):
        import_model(annotated("INT4", ("Mul", 0.3), ("Min", 0.70710678), ("Max", -0.57721566)))
