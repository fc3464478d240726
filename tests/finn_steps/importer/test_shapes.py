"""Inputs of any shape, flattened in any of the usual ways, in batches of any size although the file fixes the batch at 1."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference
from tests.qonnx_nets import Net, model_inputs, qonnx_net


def reshaped(shape, *nodes, constants=()):
    """A 16-8-3 net behind nodes that turn `shape` into [1, 16]; the last of them gives tensor `flat`."""
    model = qonnx_net(Net(widths=(16, 8, 3)))
    graph = model.graph
    graph.node[0].input[0] = "flat"
    for position, node in enumerate(nodes):
        graph.node.insert(position, node)
    graph.initializer.extend(numpy_helper.from_array(np.array(value, np.int64), name) for name, value in constants)
    graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, shape))
    return model


CASES = {
    "flatten": reshaped([1, 4, 4], helper.make_node("Flatten", ["x"], ["flat"], axis=1)),
    "reshape-1-16": reshaped([1, 1, 4, 4], helper.make_node("Reshape", ["x", "s"], ["flat"]), constants=[("s", [1, 16])]),
    "reshape-1-rest": reshaped([1, 4, 4], helper.make_node("Reshape", ["x", "s"], ["flat"]), constants=[("s", [1, -1])]),
    "reshape-rest-16": reshaped([1, 4, 4], helper.make_node("Reshape", ["x", "s"], ["flat"]), constants=[("s", [-1, 16])]),
    "squeeze": reshaped([1, 16, 1], helper.make_node("Squeeze", ["x", "s"], ["flat"]), constants=[("s", [2])]),
    "dropout": reshaped([1, 16], helper.make_node("Dropout", ["x"], ["flat"])),
    "shape-arithmetic": reshaped(
        [1, 4, 4], helper.make_node("Shape", ["x"], ["shape"]), helper.make_node("Gather", ["shape", "zero"], ["n"], axis=0),
        helper.make_node("Unsqueeze", ["n", "axis"], ["n1"]), helper.make_node("Concat", ["n1", "rest"], ["s"], axis=0),
        helper.make_node("Reshape", ["x", "s"], ["flat"]), constants=[("zero", 0), ("axis", [0]), ("rest", [-1])]),
    "open-batch": reshaped(["n", 16], helper.make_node("Identity", ["x"], ["flat"])),
}


@pytest.mark.parametrize("name", CASES)
def test_batches(name):
    imported = import_model(CASES[name])
    accelerator, reference = imported.accelerator, Reference(imported)
    assert accelerator.features == 16
    x = model_inputs(16, 300, 0)
    assert np.array_equal(accelerator.execute(accelerator.quantise(x)), reference.integers(x))
    assert np.array_equal(reference.integers(x[:1]), reference.integers(x)[:1])


def test_a_vector_without_batch_is_refused():
    model = qonnx_net()
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, [16]))
    with pytest.raises(ValueError, match=r"input x has 1 dimension\(s\)"):
        import_model(model)
