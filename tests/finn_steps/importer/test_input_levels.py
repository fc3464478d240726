"""Inputs without a quantiser: the annotated datatype, through whatever head the model has."""

import numpy as np
import pytest
from onnx import helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.importer.lower import import_model
from finn_steps.reference import Reference
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
    "uint8-centred": ("UINT8", [("Sub", 128), ("Mul", 0.0078125)], "INT8"),
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
    for layer in accelerator.layers:
        q = layer.execute(q)
        assert np.array_equal(q, expected[layer.name])


def test_unequal_steps_are_refused():
    with pytest.raises(ValueError, match="reaches fc0 in unequal steps"):
        import_model(annotated("INT4", ("Mul", [1, 1, 1, 1, 2, 1, 1, 1])))


def test_levels_off_the_grid_are_refused():
    with pytest.raises(ValueError, match="supported: whole multiples"):
        import_model(annotated("INT4", ("Add", 0.25)))
