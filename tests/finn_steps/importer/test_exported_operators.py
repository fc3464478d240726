"""Operators between layers, behind quantisers and at the end, and every quantiser that a file can have."""

import numpy as np
import pytest
from onnx import TensorProto

from tests.exported import Graph, assert_exact, assert_refused, values

F = np.float32
MONOTONE = {
    "Elu": lambda g, t: g.node("Elu", [t]), "Selu": lambda g, t: g.node("Selu", [t]), "Celu": lambda g, t: g.node("Celu", [t], alpha=2.0),
    "Softplus": lambda g, t: g.node("Softplus", [t]), "Softsign": lambda g, t: g.node("Softsign", [t]),
    "HardSigmoid": lambda g, t: g.node("HardSigmoid", [t]), "Sigmoid": lambda g, t: g.node("Sigmoid", [t]), "Tanh": lambda g, t: g.node("Tanh", [t]),
    "HardTanh": lambda g, t: g.node("Clip", [t, F(-1), F(1)]), "Min and Max": lambda g, t: g.node("Max", [F(-1), g.node("Min", [t, F(1.5)])]),
    "LeakyRelu": lambda g, t: g.node("LeakyRelu", [t], alpha=0.1), "PRelu": lambda g, t: g.node("PRelu", [t, F([0.1, 0.2, 0.3, 0.25, 0.5, 0])]),
    "Cast": lambda g, t: g.node("Relu", [g.node("Cast", [g.node("Cast", [t], to=TensorProto.FLOAT16)], to=TensorProto.FLOAT)]),
    "Floor": lambda g, t: g.node("Floor", [g.node("Mul", [t, F(3)])]), "Ceil": lambda g, t: g.node("Ceil", [t]),
    "Sub from": lambda g, t: g.node("Sub", [F([0.5, 1, 0, 0.25, -1, 2]), t]),
    "Mul by signs": lambda g, t: g.node("Mul", [t, F([1, -1, 0.5, -2, 1, 0])]),
    "BatchNormalization": lambda g, t: g.node("BatchNormalization", [t, F([1, -1, 0.5, 2, 1, 1]), F([0.5] * 6), F([0.25] * 6), F([1.5] * 6)]),
    "Dropout": lambda g, t: g.node("Identity", [g.node("Dropout", [t])]),
}


@pytest.mark.parametrize("scale", [0.25, 0.23], ids=["power of two", "float"])
@pytest.mark.parametrize("name", MONOTONE)
def test_between_a_layer_and_its_quantiser(name, scale):
    assert_exact(Graph().model(input=lambda g, t: g.quant(t, scale), hidden=MONOTONE[name]), values(8, scale))


BEHIND = {
    "Relu": lambda g, t: g.node("Relu", [t]), "Mul": lambda g, t: g.node("Mul", [t, F(0.7)]), "Add": lambda g, t: g.node("Add", [t, F(0.5)]),
    "Mul by channel": lambda g, t: g.node("Mul", [t, F([1, 0.5, 2, 0.25, 1, 4])]), "Clip": lambda g, t: g.node("Clip", [t, F(-0.5), F(1.5)]),
    "Neg": lambda g, t: g.node("Neg", [t]), "Cast": lambda g, t: g.node("Cast", [t], to=TensorProto.FLOAT),
    "another quantiser": lambda g, t: g.quant(t, 1.0, 3), "Max": lambda g, t: g.node("Max", [t, F(0.5)]),
    "BatchNormalization": lambda g, t: g.node("BatchNormalization", [t, F([2.0] * 6), F([0.5] * 6), F([0.5] * 6), F([1] * 6)], epsilon=0.0),
}


@pytest.mark.parametrize("name", BEHIND)
def test_between_a_quantiser_and_the_next_layer(name):
    assert_exact(Graph().model(behind=BEHIND[name]), values(8))


ROUNDINGS = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "half_up")


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_rounding_modes_at_inputs_weights_activations_and_outputs(rounding):
    g = Graph()
    matrix = g.quant(g.rng.integers(-28, 29, (8, 6)) / 32, 0.125, rounding=rounding)
    tensor = g.layer(g.quant("x", rounding=rounding), 8, 6, matrix)
    tensor = g.layer(g.quant(tensor, 0.5, rounding=rounding), 6, 4)
    assert_exact(g.b.model([1, 8], g.quant(tensor, 1.0, 6, rounding=rounding), [1, 4]), values(8))


def test_an_unknown_rounding_mode_is_named():
    assert_refused(Graph().model(input=lambda g, t: g.quant(t, rounding="TRUNCATE")), values(8), "TRUNCATE")


@pytest.mark.parametrize("rounding", ["FLOOR", "ROUND", "CEIL"])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("version", [1, 2])
def test_trunc(version, signed, rounding):
    """qonnx's second version has the output's scale, too."""
    def quantiser(g, t):
        scale = [F(2.0)] * (version == 2)
        return g.qonnx("Trunc", [g.quant(t, 0.25, 6, signed), F(0.25), F(0), F(6), *scale, F(3)], rounding_mode=rounding)

    model = Graph().model(hidden=lambda g, t: t, quantiser=quantiser)
    for entry in model.opset_import:
        entry.version = version if entry.domain else entry.version
    assert_exact(model, values(8))


def minifloat(g, t, exponent, mantissa):
    bias = 2.0 ** (exponent - 1) - 1
    most = 2.0 ** (2**exponent - 1 - bias) * (2 - 2.0**-mantissa)
    return g.qonnx("FloatQuant", [t, F(0.25), F(exponent), F(mantissa), F(bias), F(most)], has_inf=0, has_nan=0, has_subnormal=1, saturation=1)


@pytest.mark.parametrize("exponent, mantissa", [(2, 1), (3, 2), (2, 3)])
def test_minifloats(exponent, mantissa):
    def quantise(g, t):
        return minifloat(g, t, exponent, mantissa)

    assert_exact(Graph().model(input=quantise, quantiser=quantise), values(8))


THRESHOLDS = np.sort(np.round(np.random.default_rng(3).normal(0, 1, (6, 7)) * 32) / 32, axis=1)


@pytest.mark.parametrize("thresholds, attributes", [
    (THRESHOLDS, {"out_dtype": "UINT3"}), (THRESHOLDS[:1], {"out_dtype": "UINT3"}), (THRESHOLDS[:, :5], {"out_dtype": "UINT3"}),
    (THRESHOLDS, {"out_dtype": "INT4", "out_scale": 0.5, "out_bias": -1.75}), (THRESHOLDS, {"out_dtype": "INT4", "out_bias": -4.0}),
    (THRESHOLDS[:, :1], {"out_dtype": "BIPOLAR", "out_scale": 2.0, "out_bias": -1.0})], ids=["plain", "one row", "five", "scaled", "shifted", "bipolar"])
def test_multithresholds(thresholds, attributes):
    def quantise(g, t):
        return g.qonnx("MultiThreshold", [t, thresholds], **attributes)

    assert_exact(Graph().model(hidden=lambda g, t: t, quantiser=quantise), values(8))


TAILS = {
    "softmax": lambda g, t: g.node("Softmax", [t], axis=1),
    "softmax of rows": lambda g, t: g.node("Softmax", [g.node("Reshape", [t, [-1, 2, 2]])], axis=1),
    "softmax of columns": lambda g, t: g.node("Softmax", [g.node("Reshape", [t, [0, 2, 2]])], axis=-1),
    "softmax, shaped back": lambda g, t: g.node("Reshape", [g.node("Softmax", [g.node("Reshape", [t, [-1, 2, 2]])], axis=2), [-1, 4]]),
    "quantised": lambda g, t: g.quant(t, 1.0, 6),
    "quantised bias": lambda g, t: g.node("Add", [t, g.quant(F([0.5, -1, 0.25, 2]), 0.03125, 8)]),
    "sigmoid": lambda g, t: g.node("Sigmoid", [g.node("Mul", [t, F(0.3)])]),
}


@pytest.mark.parametrize("name", TAILS)
def test_ends(name):
    assert_exact(Graph().model(tail=TAILS[name]), values(8))


def test_a_softmax_of_an_old_opset_is_over_all_axes_behind_its_own():
    tail = lambda g, t: g.node("Softmax", [g.node("Reshape", [t, [0, 2, 2]])], axis=1)  # noqa: E731
    assert_exact(Graph(opset=11).model(tail=tail), values(8))
    assert_exact(Graph(opset=13).model(tail=tail), values(8))


LABELS = {
    "ArgMax": lambda g, t: g.node("ArgMax", [t], axis=1), "ArgMax, one dimension": lambda g, t: g.node("ArgMax", [t], axis=-1, keepdims=0),
    "biased": lambda g, t: g.node("ArgMax", [g.node("Add", [t, F([0.5, 0, 0.25, -0.5])])], axis=1),
    "quantised": lambda g, t: g.node("ArgMax", [g.quant(t, 1.0, 3)], axis=1),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels(name):
    assert_exact(Graph().model(tail=LABELS[name], output_type=TensorProto.INT64), values(8))


def test_the_index_of_the_greatest_by_topk():
    def tail(g, t):
        g.node("TopK", [t, [1]], axis=-1)
        g.b.nodes[-1].output.append("index")
        return "index"

    assert_exact(Graph().model(tail=tail, output_type=TensorProto.INT64), values(8))
