"""The judge against qonnx's own executor, and against networks that were tampered with."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from tests.fuzz.judge import judge
from tests.fuzz.network import SAMPLES, network
from tests.qonnx_nets import Net, model_inputs, qonnx_net


@pytest.mark.parametrize("net", [Net(batch_norm=True), Net(bipolar=True), Net(rounding="FLOOR", softmax=True)], ids=str)
def test_equals_qonnx_execution(net):
    model, x = qonnx_net(net), model_inputs(16, 20, 0)
    wrapper = ModelWrapper(model).transform(InferShapes())
    expected = np.concatenate([list(execute_onnx(wrapper, {"x": row[None]}).values())[0] for row in x])
    verdict = judge(model, x)
    assert not len(verdict.differing(expected))
    assert not verdict.borderline.any() or net.batch_norm


@pytest.mark.parametrize("kind", ["ort", "graphs"])
def test_a_network_is_the_same_every_time(kind):
    first, second = network(kind, 5), network(kind, 5)
    assert first.data == second.data and first.description == second.description
    assert np.array_equal(first.inputs, second.inputs) and len(first.inputs) == SAMPLES


def test_most_tampered_networks_are_told_from_their_own():
    """The judge sees it, but where a network answers one thing to all."""
    told = judged = 0
    for seed in range(40):
        made = network("graphs", seed)
        verdict = judge(made.model, made.inputs)
        answers = judge(_tampered(made.model), made.inputs).outputs
        judged += np.ptp(verdict.outputs, axis=0).any()
        told += len(verdict.differing(answers)) > 0
        assert not len(verdict.differing(verdict.outputs))
    assert judged >= 30 and told >= 0.9 * judged


def _tampered(model: onnx.ModelProto) -> onnx.ModelProto:
    """The rows of the first matrix in reverse order, and its columns."""
    constants = [*model.graph.initializer, *(node.attribute[0].t for node in model.graph.node if node.op_type == "Constant")]
    matrix = next(t for t in constants if len(t.dims) == 2 and min(t.dims) > 1)
    if matrix.data_type in (TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8):
        values = numpy_helper.to_array(matrix)
        matrix.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[::-1, ::-1]), matrix.name))
    return model
