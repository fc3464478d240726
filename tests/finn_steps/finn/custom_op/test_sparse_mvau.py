"""SparseMVAU as a node of FINN: execution, shapes, datatypes, folding, specialisation, HDL."""

import numpy as np
import pytest
from qonnx.core.datatype import DataType
from qonnx.core.onnx_exec import execute_onnx

from finn_steps.accelerator import Folding
from finn_steps.accelerator.simplify import simplify
from finn_steps.finn.environment import prepare_finn
from finn_steps.finn.from_model import accelerator_from_model
from finn_steps.finn.transformation.integer_graph import integer_graph
from finn_steps.folding.schedule import schedule
from tests.nets import random_accelerator, random_inputs, with_ranges


@pytest.fixture(scope="module")
def accelerator():
    return random_accelerator((12, 10, 6), weight_bits=4, activation_bits=3, zeros=0.6, seed=1, input_bits=5)


@pytest.fixture
def converted(tmp_path, monkeypatch):
    monkeypatch.setenv("FINN_BUILD_DIR", str(tmp_path / "finn"))
    prepare_finn()
    from finn.transformation.fpgadataflow.convert_to_hw import quantized_matrix_vector_activation as mvau
    from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer

    from finn_steps.finn.transformation.infer_sparse_mvau import InferSparseMVAU

    def convert(network):
        graph = integer_graph(network)
        for transformation in (InferThresholdingLayer(), mvau.InferQuantizedMatrixVectorActivation(), InferSparseMVAU()):
            graph = graph.transform(transformation)
        return graph

    return convert


@pytest.fixture
def model(accelerator, converted):
    return converted(accelerator)


def specialised(model):
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers

    return model.transform(SpecializeLayers("xc7z020clg400-1"))


def nodes(model):
    from qonnx.custom_op.registry import getCustomOp

    return [getCustomOp(node) for node in model.graph.node]


def test_the_integer_graph_and_the_sparse_graph_execute_alike(accelerator, model):
    for graph in (integer_graph(accelerator), model, specialised(model)):
        for row in random_inputs(np.random.default_rng(0), 20, 12, accelerator.idt):
            answer = execute_onnx(graph, {graph.graph.input[0].name: row[None].astype(np.float32)})
            assert np.array_equal(answer[graph.graph.output[0].name], accelerator.execute(row[None]))


def test_round_trip(accelerator, model):
    assert accelerator_from_model(model).sha256 == accelerator.sha256
    assert accelerator_from_model(specialised(model)).sha256 == accelerator.sha256


def test_ranges_of_inputs_go_through_finns_graph(converted):
    small = simplify(with_ranges(random_accelerator((10, 8, 6, 3), zeros=0.4, seed=1), 1)).accelerator
    for graph in (converted(small), specialised(converted(small))):
        found = accelerator_from_model(graph)
        assert np.array_equal(found.layers[0].input_range, small.layers[0].input_range)
        assert found.odt == small.odt and found.sha256 == small.sha256


def test_specialise_layers_takes_it(model):
    assert [node.op_type for node in specialised(model).graph.node] == ["SparseMVAU_rtl"] * 2


def test_shapes_widths_and_datatypes(accelerator, model):
    first, last = nodes(model)
    assert first.get_normal_input_shape() == (1, 12) and first.get_normal_output_shape() == (1, 10)
    assert first.get_input_datatype() == DataType["INT5"] and first.get_output_datatype() == DataType["UINT3"]
    assert first.get_instream_width() == 60 and first.get_outstream_width() == 30
    assert last.get_output_datatype().name == accelerator.layers[-1].accdt
    first.set_folding(Folding("folded", PE=5, SIMD=4), model)
    assert first.get_folded_input_shape() == (1, 3, 4) and first.get_folded_output_shape() == (1, 2, 5)
    assert first.get_instream_width() == 20 and first.get_outstream_width() == 15


def test_folding_travels_to_the_accelerator(model):
    folding = Folding("folded", PE=2, SIMD=3)
    nodes(model)[0].set_folding(folding, model)
    assert accelerator_from_model(specialised(model)).layers[0].folding == folding


def test_illegal_folding_names_layer_and_values(model):
    with pytest.raises(ValueError, match=r"layer0: PE \(11\) must be at most MH \(10\)"):
        nodes(model)[0].set_folding(Folding("folded", PE=11), model)


def test_cycles_count_nonzeros(accelerator, model):
    first = nodes(model)[0]
    assert first.get_exp_cycles() == 1
    folding = Folding("folded", PE=2, SIMD=2)
    first.set_folding(folding, model)
    assert first.get_exp_cycles() == schedule(accelerator.with_foldings({"layer0": folding}).layers[0]).cycles
    assert accelerator.layers[0].nonzeros / 4 <= first.get_exp_cycles() < 12 * 10 / 4


def test_finns_analysis_passes_run(model):
    from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
    from finn.analysis.fpgadataflow.op_and_param_counts import op_and_param_counts
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

    graph = specialised(model)
    assert set(graph.analysis(exp_cycles_per_layer)) == {node.name for node in graph.graph.node}
    assert len(graph.analysis(lambda m: res_estimation(m, "xc7z020clg400-1"))) == 2
    assert graph.analysis(op_and_param_counts)


def test_a_foreign_node_is_named(model):
    model.graph.node[1].op_type = "Odd"
    with pytest.raises(ValueError, match="Odd"):
        accelerator_from_model(model)


def test_hdl_and_file_list(accelerator, model):
    for node in nodes(specialised(model)):
        node.generate_hdl(model, "xc7z020clg400-1", 5.0)
        files = node.get_rtl_file_list(abspath=True)
        assert all(path.is_file() for path in files)
        assert node.code_generation_ipi()[-1] == f"create_bd_cell -type module -reference finn_accel {node.onnx_node.name}"
        assert node.get_verilog_top_module_intf_names()["s_axis"][0][0] == "s_axis_0"


def test_rtlsim_node_by_node(accelerator, model):
    graph = specialised(model)
    for node in nodes(graph):
        node.generate_hdl(graph, "xc7z020clg400-1", 5.0)
        node.prepare_rtlsim()
        node.set_nodeattr("exec_mode", "rtlsim")
    for row in random_inputs(np.random.default_rng(0), 3, 12, accelerator.idt):
        answer = execute_onnx(graph, {graph.graph.input[0].name: row[None].astype(np.float32)})
        assert np.array_equal(answer[graph.graph.output[0].name], accelerator.execute(row[None]))
    assert nodes(graph)[0].get_nodeattr("cycles_rtlsim") > 0
