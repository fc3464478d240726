"""QuantizeLinear, Clip and DequantizeLinear as the ONNX text has them: axes, zero points, bounds, types; and integer operators."""

import numpy as np
import pytest
from onnx import TensorProto

from tests.exported import Graph, assert_exact, integers, values

T = TensorProto
F = np.float32
SCALES = F([0.5, 0.25, 0.125, 0.0625, 0.3, 0.1, 0.7, 0.05])


def dequantised(g, inputs, outputs, scale, zero=None, kind=np.int8, transposed=False, **attributes):
    """Integer weights behind a DequantizeLinear; [outputs, inputs] where transposed."""
    integers = g.rng.integers(-7, 8, (inputs, outputs)) + (0 if zero is None else zero)
    constants = [g.constant(scale)] + ([] if zero is None else [g.constant(np.broadcast_to(zero, np.shape(scale)), kind)])
    return g.b.node("DequantizeLinear", [g.constant(integers.T if transposed else integers, kind), *constants], **attributes)


def one_layer(product, outputs=6, opset=21, quantise=None):
    g = Graph(opset=opset)
    tensor = product(g, quantise(g, "x") if quantise else g.qdq("x"))
    return g.b.model([1, 8], tensor, [1, outputs])


@pytest.mark.parametrize("outputs", [6, 8], ids=["wide", "square"])
@pytest.mark.parametrize("transposed, axis", [(False, 1), (False, -1), (True, 0), (True, -2)])
@pytest.mark.parametrize("zero", [None, 0, 3])
def test_a_weight_scale_for_each_output(outputs, transposed, axis, zero):
    def product(g, t):
        weights = dequantised(g, 8, outputs, SCALES[:outputs], zero, transposed=transposed, axis=axis)
        return g.node("Gemm", [t, weights, F(np.arange(outputs) / 8)], transB=int(transposed))

    assert_exact(one_layer(product, outputs), values(8))


@pytest.mark.parametrize("scale", [-SCALES[:6], SCALES[:6] * F([1, -1, 1, 1, -1, 1]), F(-0.125)], ids=["all", "some", "one for all"])
@pytest.mark.parametrize("hidden", [True, False])
def test_weight_scales_below_zero(scale, hidden):
    """The operator's text allows them; the weights are their products."""
    def product(g, t):
        tensor = g.node("MatMul", [t, dequantised(g, 8, 6, scale, axis=1)])
        return g.node("MatMul", [g.qdq(tensor, 0.5, 3), dequantised(g, 6, 6, F(0.25))]) if hidden else tensor

    assert_exact(one_layer(product), values(8))


def test_zero_points_of_each_output():
    zeros = np.array([128, 127, 120, 100, 200, 130])
    assert_exact(one_layer(lambda g, t: g.node("MatMul", [t, dequantised(g, 8, 6, SCALES[:6], zeros, np.uint8, axis=1)])), values(8))


def test_weights_behind_a_quantize_linear():
    """As torch.export's path leaves them."""
    def product(g, t):
        constants = [g.constant(SCALES[:6]), g.constant(np.zeros(6), np.int8)]
        weights = g.b.node("QuantizeLinear", [g.constant(g.rng.normal(0, 1, (8, 6))), *constants], axis=1)
        return g.node("MatMul", [t, g.b.node("DequantizeLinear", [weights, *constants], axis=1)])

    assert_exact(one_layer(product), values(8))


@pytest.mark.parametrize("bounds", [(-5, 5), (3, 18), (0, 127), (-1, 1), (0, 1), (-128, -1), (-8, 7)], ids=str)
def test_integer_clips_of_any_bounds(bounds):
    model = one_layer(lambda g, t: g.node("MatMul", [t, dequantised(g, 8, 6, F(0.125))]), quantise=lambda g, t: g.qdq(t, clip=bounds))
    assert_exact(model, values(8, 0.25, bounds[0] - 3, bounds[1] + 3))
    hidden = Graph().model(quantiser=lambda g, t: g.qdq(t, 0.25, bounds[0] // 2 + bounds[1] // 2, clip=bounds))
    assert_exact(hidden, values(8))


@pytest.mark.parametrize("kind", [T.INT4, T.UINT4, T.INT2, T.UINT2], ids=T.DataType.Name)
def test_narrow_types(kind):
    g = Graph(opset=25)
    low, high = {T.INT4: (-8, 7), T.UINT4: (0, 15), T.INT2: (-2, 1), T.UINT2: (0, 3)}[kind]

    def narrow(tensor, scale, zero):
        constants = [g.constant(F(scale)), g.constant(zero, kind)]
        return g.b.node("DequantizeLinear", [g.b.node("QuantizeLinear", [tensor, *constants]), *constants])

    tensor = narrow("x", 0.25, 1)
    for inputs, outputs in ((8, 6), (6, 4)):
        integers = g.constant(g.rng.integers(low, high + 1, (inputs, outputs)), kind)
        weights = g.b.node("DequantizeLinear", [integers, g.constant(SCALES[:outputs])], axis=1)
        tensor = narrow(g.node("MatMul", [tensor, weights]), 2.0, 0)
    assert_exact(g.b.model([1, 8], tensor, [1, 4]), values(8))


@pytest.mark.parametrize("scale", [F(0.25), F(0.23)], ids=str)
@pytest.mark.parametrize("zero", [0, 117, 255])
def test_zero_points_of_inputs(zero, scale):
    model = one_layer(lambda g, t: g.node("MatMul", [t, dequantised(g, 8, 6, F(0.125))]), quantise=lambda g, t: g.qdq(t, scale, zero, np.uint8))
    assert_exact(model, values(8, float(scale), -zero - 5, 260 - zero))


def test_no_zero_points():
    def quantise(g, t):
        scale = g.constant(F(0.25))
        return g.b.node("DequantizeLinear", [g.b.node("QuantizeLinear", [t, scale]), scale])

    assert_exact(one_layer(lambda g, t: g.node("MatMul", [t, dequantised(g, 8, 6, F(0.125))]), quantise=quantise), values(8))


@pytest.mark.parametrize("scale", [0.125, 0.1])
def test_float16_scales(scale):
    def quantise(g, t):
        constants = [g.constant(scale, np.float16), g.constant(3, np.uint8)]
        t = g.b.node("QuantizeLinear", [g.node("Cast", [t], to=T.FLOAT16), *constants])
        return g.node("Cast", [g.b.node("DequantizeLinear", [t, *constants])], to=T.FLOAT)

    assert_exact(one_layer(lambda g, t: g.node("MatMul", [t, dequantised(g, 8, 6, F(0.125))]), quantise=quantise), values(8, scale))


@pytest.mark.parametrize("by_channel", [False, True])
def test_int32_biases_in_both_layers(by_channel):
    g = Graph(opset=21)
    tensor, step = "x", 0.25
    for inputs, outputs in ((8, 6), (6, 4)):
        tensor = g.qdq(tensor, step)
        scale = SCALES[:outputs] if by_channel else F(0.125)
        weights = dequantised(g, inputs, outputs, scale, axis=1)
        integers = g.constant(g.rng.integers(-99, 100, outputs), np.int32)
        bias = g.b.node("DequantizeLinear", [integers, g.constant(scale * F(step))], axis=0)
        tensor, step = g.node("Gemm", [tensor, weights, bias]), 0.5
    assert_exact(g.b.model([1, 8], tensor, [1, 4]), values(8))


def test_gemm_alpha_and_beta():
    for alpha, beta in ((0.5, 2.0), (0.3, 0.7), (1.0, 0.0)):
        assert_exact(one_layer(lambda g, t: g.node("Gemm", [t, dequantised(g, 8, 6, F(0.25)), F(np.arange(6) / 8)], alpha=alpha, beta=beta)), values(8))


def integer_input(g, zero=128, kind=np.uint8):
    constants = [g.constant(F(0.03125)), g.constant(zero, kind)]
    return [g.b.node("QuantizeLinear", ["x", *constants]), *constants]


def integer_weights(g, scale, kind=np.int8, zero=0):
    return [g.constant(g.rng.integers(-60, 61, (8, 4)) + zero, kind), g.constant(scale), g.constant(np.full(np.shape(scale), zero), kind)]


@pytest.mark.parametrize("scale", [F(0.02), F([0.02, 0.01, 0.03, 0.015])], ids=["tensor", "channel"])
@pytest.mark.parametrize("operator", ["QLinearMatMul", "QGemm", "QGemm to floats"])
def test_integer_products(operator, scale):
    g = Graph(opset=20)
    inputs = [*integer_input(g), *integer_weights(g, scale)]
    answer = [g.constant(F(0.25)), g.constant(100, np.uint8)]
    bias = g.constant(g.rng.integers(-900, 900, 4), np.int32)
    if operator == "QLinearMatMul":
        tensor = g.b.node("DequantizeLinear", [g.b.node(operator, [*inputs, *answer]), *answer])
    elif operator == "QGemm":
        tensor = g.b.node("DequantizeLinear", [g.b.node("QGemm", [*inputs, bias, *answer], "com.microsoft"), *answer])
    else:
        tensor = g.b.node("QGemm", [*inputs, bias], "com.microsoft")
    assert_exact(g.b.model([1, 8], tensor, [1, 4]), values(8, 0.03125, -150, 150))


def test_matmul_integer():
    g = Graph(opset=20)
    data, _, zero = integer_input(g)
    tensor = g.b.node("MatMulInteger", [data, g.constant(g.rng.integers(-60, 61, (8, 6)), np.int8), zero])
    tensor = g.node("Relu", [g.node("Mul", [g.node("Cast", [tensor], to=T.FLOAT), F(0.001)])])
    tensor = g.layer(g.qdq(tensor, 0.05, 3, np.uint8), 6, 4)
    assert_exact(g.b.model([1, 8], tensor, [1, 4]), values(8, 0.03125, -150, 150))


@pytest.mark.parametrize("kind, zero", [(T.UINT2, 2), (T.INT2, 0), (T.UINT4, 3), (T.INT4, -1)])
def test_bytes_in_few_bits(kind, zero):
    """onnxruntime does not saturate two bits far beyond their levels (findings/onnxruntime_wraps_two_bit_quantisation.sh)."""
    g = Graph(opset=25)
    g.b.annotations["x"] = "UINT8"
    tensor = "x"
    for operator, value in (("Div", 256), ("Sub", 0.1307), ("Div", 0.3081)):
        tensor = g.node(operator, [tensor, F(value)])
    tensor = g.node("Max", [g.qdq(tensor, 0.5, zero, kind), F([-0.1875])])
    tensor = g.node("MatMul", [tensor, dequantised(g, 8, 6, F(0.125))])
    assert_exact(g.b.model([1, 8], tensor, [1, 6]), integers(8, 0, 255))
