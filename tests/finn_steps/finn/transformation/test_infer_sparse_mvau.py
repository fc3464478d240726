"""FINN's own hardware graph, and the one in which our nodes stand for its MVAUs: the same floats, node by node in Python."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from finn_steps.finn.builder import run_steps
from finn_steps.finn.environment import prepare_finn
from finn_steps.steps import step_infer_sparse_mvau
from tests.qonnx_nets import Net, model_inputs, qonnx_net

NETS = {
    "powers of two": Net(widths=(6, 8, 5, 3), weight_bits=3, activation_bits=3, input_bits=4, zeros=0.5),
    "batch norm": Net(widths=(6, 8, 5, 3), batch_norm=True, scales="float"),
    "quantised outputs": Net(widths=(6, 8, 5, 3), output_bits=4),
}


@pytest.mark.parametrize("name", NETS)
def test_finns_graph_computes_what_it_did(tmp_path, name):
    """After FINN's streamlining, whose thresholds are no whole numbers."""
    kept = []

    def step_keep(model, cfg):
        kept.append(copy.deepcopy(model))
        return model

    onnx.save(qonnx_net(NETS[name], seed=7), tmp_path / "model.onnx")
    steps = ["step_qonnx_to_finn", "step_tidy_up", "step_streamline", "step_convert_to_hw", step_keep, step_infer_sparse_mvau, step_keep]
    run_steps(tmp_path / "model.onnx", steps, tmp_path / "out")
    kinds = [[node.op_type for node in model.graph.node] for model in kept]
    assert kinds[0].count("MVAU") == kinds[1].count("SparseMVAU") == 3 and "MVAU" not in kinds[1]
    assert kinds[1][0] == "Thresholding" and "ElementwiseMul" in kinds[1], "FINN's own nodes stay at both ends"
    answers = [executed(model, model_inputs(6, 60, 5)) for model in kept]
    assert np.array_equal(*answers) and len(np.unique(answers[0], axis=0)) > 10


def executed(model: ModelWrapper, x: np.ndarray) -> np.ndarray:
    """float32 [N, features] -> [N, outputs], sample by sample."""
    prepare_finn()
    from finn.core.onnx_exec import execute_onnx

    into, out = model.graph.input[0].name, model.graph.output[0].name
    return np.array([execute_onnx(model, {into: row.reshape(model.get_tensor_shape(into))})[out].reshape(-1) for row in x])


def mvau(thresholds, idt="INT4", odt="INT3", start=-3, **attributes) -> ModelWrapper:
    """An MVAU of 4 x 3 weights with a Thresholding behind it."""
    prepare_finn()
    steps, rng = thresholds.shape[1], np.random.default_rng(0)
    nodes = [
        helper.make_node("MVAU", ["x", "w"], ["a"], name="MVAU_0", domain="finn.custom_op.fpgadataflow", backend="fpgadataflow", MW=4, MH=3, SIMD=1,
                         PE=1, inputDataType=idt, weightDataType="INT3", outputDataType="INT9", noActivation=1, numInputVectors=[1], **attributes),
        helper.make_node("Thresholding", ["a", "t"], ["y"], name="Thresholding_0", domain="finn.custom_op.fpgadataflow", backend="fpgadataflow",
                         NumChannels=3, PE=1, numSteps=steps, inputDataType="INT9", weightDataType="INT9", outputDataType=odt, ActVal=start,
                         numInputVectors=[1])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width]) for name, width in (("x", 4), ("y", 3), ("a", 3))]
    model = ModelWrapper(qonnx_make_model(helper.make_graph(nodes, "one", values[:1], values[1:2], value_info=values[2:])))
    model.set_initializer("w", rng.integers(-3, 4, (4, 3)).astype(np.float32))
    model.set_initializer("t", thresholds.astype(np.float32))
    for name, kind in (("x", idt), ("w", "INT3"), ("a", "INT9"), ("t", "INT9"), ("y", odt)):
        model.set_tensor_datatype(name, DataType[kind])
    return model


def inferred(model: ModelWrapper) -> ModelWrapper:
    from finn_steps.finn.transformation.infer_sparse_mvau import InferSparseMVAU

    return model.transform(InferSparseMVAU())


def test_levels_that_a_thresholding_leaves_out():
    """Six thresholds from -3 on in INT3, which has eight levels: -4 is never answered."""
    model = mvau(np.sort(np.random.default_rng(1).integers(-30, 30, (3, 6)), axis=1))
    x = np.random.default_rng(2).integers(-8, 8, (200, 4)).astype(np.float32)
    made = inferred(copy.deepcopy(model))
    assert [node.op_type for node in made.graph.node] == ["SparseMVAU"]
    answers = executed(made, x)
    assert np.array_equal(answers, executed(model, x)) and set(np.unique(answers)) == set(range(-3, 4))


def test_a_thresholding_beyond_its_datatype_is_named():
    with pytest.raises(ValueError, match=r"node Thresholding_0 \(Thresholding\) counts from -3 to 5, beyond its INT3"):
        inferred(mvau(np.sort(np.random.default_rng(1).integers(-30, 30, (3, 8)), axis=1)))


@pytest.mark.parametrize("attributes", [{"idt": "BIPOLAR"}, {"idt": "BINARY", "binaryXnorMode": 1}, {"idt": "FLOAT32"}])
def test_what_has_other_sums_stays_finns(attributes):
    made = inferred(mvau(np.sort(np.random.default_rng(1).integers(-30, 30, (3, 6)), axis=1), **attributes))
    assert [node.op_type for node in made.graph.node] == ["MVAU", "Thresholding"]
