"""Every input feature with a width and a power-of-two scale of its own: its range, its integers, and what stands in front of it."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from finn_steps.accelerator.host import HostOp
from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.input_range import host_range
from finn_steps.importer.lower import import_model
from finn_steps.original.stimulus import level_inputs
from finn_steps.verification.reference import Reference
from finn_steps.verification.stimulus import random_model_inputs
from tests.qonnx_nets import Net, model_inputs, qonnx_net

BITS = np.array([2, 8, 5, 3, 4, 6, 7, 2])
SCALES = 2.0 ** np.array([-1, -5, -3, 0, -2, -4, -5, -1])


def learned(*front, bits=BITS, scales=SCALES, **attributes):
    """A net of 8 features whose quantiser has these bits and scales, behind `front`: (operator, constant[, attributes])."""
    model = qonnx_net(Net(widths=(8, 12, 3), zeros=0.4))
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.name in ("input_quant.bits", "input_quant.scale"):
            value = bits if tensor.name.endswith("bits") else scales
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(value, np.float32), tensor.name))
    quant = next(node for node in graph.node if node.name == "input_quant")
    for attribute in quant.attribute:
        if attribute.name in attributes:
            attribute.CopyFrom(helper.make_attribute(attribute.name, attributes[attribute.name]))
    place = list(graph.node).index(quant)
    for number, (kind, value, *more) in enumerate(front):
        graph.initializer.append(numpy_helper.from_array(np.float32(value), f"front{number}"))
        inputs, output = [quant.input[0], f"front{number}"], f"f{number}"
        graph.node.insert(place + number, helper.make_node(kind, inputs, [output], name=output, **dict(*more)))
        quant.input[0] = output
    return model


def check(model):
    """The imported and the simplified network are the model's in onnxruntime, sample by sample; the imported accelerator."""
    imported = import_model(model)
    accelerator, small = imported.accelerator, simplify(imported.accelerator).accelerator
    x = np.concatenate([model_inputs(8, 2000, 1) * 4, random_model_inputs(accelerator, 1000, 2),
                        level_inputs(accelerator, None, True, 1500).x])
    assert np.all(np.isfinite(x))
    q, expected = accelerator.quantise(x), Reference(imported).integers(x)
    first = accelerator.layers[0]
    assert np.array_equal(q.min(0), first.input_low) and np.array_equal(q.max(0), first.input_high)
    assert np.array_equal(accelerator.execute(q), expected) and np.array_equal(small.execute(small.quantise(x)), expected)
    return accelerator


def test_bits_and_scales_of_each_feature():
    accelerator = check(learned())
    assert accelerator.layers[0].input_bits == tuple(BITS.tolist())
    assert [op.op for op in accelerator.host_input][-4:] == ["div", "max", "min", "round"]


def test_unsigned_and_narrow_ranges():
    assert check(learned(signed=0)).layers[0].input_bits == tuple(BITS.tolist())
    first = check(learned(narrow=1)).layers[0]
    assert np.array_equal(-first.input_low, first.input_high)


def test_one_datatype_for_all_has_no_ranges():
    assert check(learned(bits=8)).layers[0].input_range is None


def test_a_relu_for_some_features_saves_their_sign():
    first = check(learned(("Max", [0, -99, 0, -99, 0, -99, 0, -99]))).layers[0]
    assert first.input_bits == tuple((BITS - [1, 0, 1, 0, 1, 0, 1, 0]).tolist())


def test_a_feature_times_zero_is_one_value_and_goes():
    """Inputs to verify with were divided by that zero."""
    accelerator = check(learned(("Mul", [1, 0, 1, 1, 0, 1, 1, 1])))
    assert [bits == 0 for bits in accelerator.layers[0].input_bits] == [False, True, False, False, True, False, False, False]
    assert simplify(accelerator).accelerator.MW == 6


def test_a_clip_inside_of_the_bits_narrows_the_range():
    first = check(learned(("Min", 0.5), ("Max", -0.25))).layers[0]
    assert np.all(first.input_high * SCALES <= 0.5) and np.all(first.input_low * SCALES >= -0.25) and max(first.input_bits) < 8


def test_the_host_wraps_by_mod():
    """x as HGQ2 wraps it: Python's modulo out of C's."""
    wrap = [("Div", SCALES), ("Floor", None), ("Sub", -(2.0 ** (BITS - 1))), ("Mod", 2.0**BITS, {"fmod": 1}), ("Add", 2.0**BITS),
            ("Mod", 2.0**BITS, {"fmod": 1}), ("Add", -(2.0 ** (BITS - 1))), ("Mul", SCALES)]
    model = learned(*[step for step in wrap if step[0] != "Floor"])
    nodes = model.graph.node
    divided = next(node for node in nodes if node.name == "f0")
    nodes.insert(list(nodes).index(divided) + 1, helper.make_node("Floor", ["f0"], ["floored"], name="floored"))
    next(node for node in nodes if node.name == "f1").input[0] = "floored"
    imported = import_model(model)
    accelerator = imported.accelerator
    assert accelerator.layers[0].input_bits == tuple(BITS.tolist())
    x = model_inputs(8, 4000, 3) * 50
    q = accelerator.quantise(x)
    before = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    steps = np.floor((x - before["mean"]) / before["deviation"] / SCALES.astype(np.float32)).astype(np.int64)
    half = 1 << BITS - 1
    assert np.array_equal(q, (steps + half) % (2 * half) - half)
    assert np.array_equal(accelerator.execute(q), Reference(imported).integers(x))


@pytest.mark.parametrize("least", [0, -2])
def test_a_mod_by_nothing_above_zero_is_refused(least):
    with pytest.raises(ValueError, match=f"node f0 \\(Mod\\) divides by {least}; supported: numbers above zero"):
        import_model(learned(("Mod", [1, 1, 1, 1, 1, 1, 1, least], {"fmod": 1})))


def test_ranges_of_host_operations():
    operations = (HostOp("mul", [1, -2, 0]), HostOp("clip", [-3, 5]), HostOp("mod", np.float32(4)))
    low, high = host_range(operations, 3)
    assert low.tolist() == [-4, -4, 0] and high.tolist() == [4, 4, 0]
    assert [end.tolist() for end in host_range((HostOp("clip", [4.5, 7]), HostOp("mod", np.float32(4))), 1)] == [[0.5], [3]]
