"""Inputs as they come: bytes with a Div in front, one bit, sixteen bits, permuted and sliced, of any batch."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.exported import Graph, assert_exact, assert_refused, integers, values


def annotated(datatype: str, low: int, high: int, head=None, seed=0):
    g = Graph(seed=seed)
    g.b.annotations["x"] = datatype
    x = integers(8, low, high)
    if datatype == "BIPOLAR":
        x = np.where(x > 0, 1, -1).astype(np.float32)
    assert_exact(g.model(input=head or (lambda g, t: t)), x)


@pytest.mark.parametrize("divisor", [255, 256, 127.5, 17])
def test_bytes_divided(divisor):
    annotated("UINT8", 0, 255, lambda g, t: g.node("Div", [t, np.float32(divisor)]))


def test_bytes_standardised_by_channel():
    mean, deviation = np.random.default_rng(0).uniform(20, 80, (2, 8))
    annotated("UINT8", 0, 255, lambda g, t: g.node("Div", [g.node("Sub", [t, mean]), deviation]))


def test_bytes_as_of_mnist():
    def head(g, t):
        return g.node("Div", [g.node("Sub", [g.node("Div", [t, np.float32(255)]), np.float32(0.1307)]), np.float32(0.3081)])

    annotated("UINT8", 0, 255, head)
    annotated("UINT8", 0, 255, lambda g, t: g.quant(g.node("Div", [t, np.float32(255)]), 1 / 128, 8, signed=0))


@pytest.mark.parametrize("datatype, low, high", [("BIPOLAR", -1, 1), ("BINARY", 0, 1), ("TERNARY", -1, 1), ("INT4", -8, 7), ("UINT2", 0, 3)])
@pytest.mark.parametrize("head", [lambda g, t: t, lambda g, t: g.node("Mul", [t, np.float32(0.37)]),
                                  lambda g, t: g.node("Sub", [g.node("Mul", [t, np.float32(2)]), np.float32(1)])], ids=["plain", "scaled", "shifted"])
def test_small_integers(datatype, low, high, head):
    annotated(datatype, low, high, head)


@pytest.mark.parametrize("quantise", [lambda g, t: g.qonnx("BipolarQuant", [t, np.float32(0.5)]), lambda g, t: g.quant(t, 0.5, 1),
                                      lambda g, t: g.quant(t, 0.5, 1, signed=0)], ids=["BipolarQuant", "signed", "unsigned"])
def test_one_bit(quantise):
    assert_exact(Graph().model(input=quantise), values(8))


@pytest.mark.parametrize("kind, zero", [(np.int16, 0), (np.uint16, 30000)])
def test_sixteen_bits_by_quantize_linear(kind, zero):
    g = Graph(opset=21)
    assert_exact(g.model(input=lambda g, t: g.qdq(t, 2.0**-12, zero, kind)), values(8, 2.0**-12, -40000, 40000))


def test_sixteen_bits_by_quant():
    assert_exact(Graph().model(input=lambda g, t: g.quant(t, 2.0**-12, 16)), values(8, 2.0**-12, -40000, 40000))


SHAPES = {
    "transpose": ([2, 4], lambda g, t: g.node("Flatten", [g.node("Transpose", [t], perm=[0, 2, 1])])),
    "channels last": ([2, 2, 2], lambda g, t: g.node("Flatten", [g.node("Transpose", [t], perm=[0, 3, 1, 2])])),
    "slice": ([11], lambda g, t: g.node("Slice", [t, [1], [9], [1]])),
    "slice by twos": ([16], lambda g, t: g.node("Slice", [t, [1], [2**31 - 1], [-1], [2]])),
    "slice backwards": ([8], lambda g, t: g.node("Slice", [t, [-1], [-(2**31)], [1], [-1]])),
    "gather": ([5], lambda g, t: g.node("Gather", [t, [4, 0, 1, -1, 2, 3, 3, -5]], axis=-1)),
    "reshape": ([4, 2], lambda g, t: g.node("Reshape", [t, [0, -1]])),
    "allowzero": ([4, 2], lambda g, t: g.node("Reshape", [t, [-1, 8]], allowzero=1)),
    "squeeze": ([1, 8], lambda g, t: g.node("Squeeze", [t, [1]])),
    "unsqueeze": ([8], lambda g, t: g.node("Squeeze", [g.node("Unsqueeze", [t, [1, 3]]), [1, 3]])),
    "cast": ([8], lambda g, t: g.node("Cast", [g.node("Cast", [t], to=TensorProto.DOUBLE)], to=TensorProto.FLOAT)),
}


@pytest.mark.parametrize("first", [True, False], ids=["then quantised", "quantised first"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, first):
    dims, change = SHAPES[shape]
    model = Graph(8, dims).model(input=lambda g, t: g.quant(change(g, t)) if first else change(g, g.quant(t)))
    assert_exact(model, values(int(np.prod(dims))))


@pytest.mark.parametrize("batch", [-1, "batch", 1])
def test_any_batch(batch):
    assert_exact(Graph(batch=batch).model(), values(8))
    assert_exact(Graph(batch=batch).model(input=lambda g, t: g.qdq(t)), values(8))


def test_a_scale_and_a_width_for_each_channel():
    """As HGQ's networks come."""
    scales = np.array([[0.25, 0.5, 0.125, 0.25, 1, 0.25, 0.5, 0.0625]], np.float32)
    bits = np.array([[4, 2, 3, 5, 2, 6, 4, 2]], np.float32)
    hidden = (np.array([[0.25, 0.5, 1, 0.5, 0.25, 0.125]], np.float32), np.array([[4, 1, 3, 2, 5, 3]], np.float32))
    for signed in (0, 1):
        model = Graph().model(input=lambda g, t: g.quant(t, scales, bits, signed), quantiser=lambda g, t: g.quant(t, *hidden, signed=0))
        assert_exact(model, values(8, 0.125))
    assert_exact(Graph().model(input=lambda g, t: g.qdq(t, scales[0], axis=1)), values(8, 0.125))
    assert_exact(Graph().model(input=lambda g, t: g.quant(t, 0.9 * scales)), values(8, 0.125))


def test_a_missing_external_file_is_said_so(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(Graph().model(), path, save_as_external_data=True, location="weights.data", size_threshold=0)
    assert_exact(path, values(8))
    (tmp_path / "weights.data").unlink()
    assert_refused(path, values(8), "weights.data")
