"""Our steps in a DataflowBuildConfig of the user's own: docs/finn.md's build.py, FINN's nodes beside ours, and errors in a line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

import finn_steps.steps
from build_dataflow.configuration import ROOT
from finn_steps.accelerator import Accelerator
from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference
from tests.qonnx_nets import Net, model_inputs, qonnx_net

SMALL = Net(widths=(6, 8, 5, 3), weight_bits=3, activation_bits=3, input_bits=4, zeros=0.5)
PAGE = (ROOT / "docs" / "finn.md").read_text()
FIRST, SECOND = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)


def run(folder: Path, text: str, net: Net = SMALL) -> subprocess.CompletedProcess:
    """A build.py beside model.onnx, in a process of its own, as a user runs it."""
    onnx.save(qonnx_net(net, seed=7), folder / "model.onnx")
    (folder / "build.py").write_text(text)
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "FINN_"))}
    environment = {**outside, "PYTHONPATH": str(ROOT), "FINN_BUILD_DIR": str(folder / "finn")}
    return subprocess.run([sys.executable, "build.py"], cwd=folder, env=environment, capture_output=True, text=True)


def told(done: subprocess.CompletedProcess) -> str:
    """All that was printed, as one line: FINN wraps its own."""
    return " ".join(re.sub(r"\[\d{4}-\d\d-\d\d [\d:]+\]", "", done.stdout + done.stderr).split())


def asking(steps: str, **fields) -> str:
    """The page's build.py with other steps and fields."""
    text = re.sub(r"steps=\[.*?\]", steps.strip(), FIRST, flags=re.S)
    for name, value in fields.items():
        text, count = re.subn(rf"{name}=[^,]+,", f"{name}={value},", text)
        assert count == 1, name
    return text


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finn")
    done = run(folder, FIRST)
    assert done.returncode == 0, told(done)
    return folder / "out"


def test_the_pages_build_has_fifteen_lines():
    assert len([line for line in FIRST.splitlines() if line.strip()]) <= 15


def test_the_pages_build_is_the_network(built):
    x = model_inputs(6, 500, 3)
    model = import_model(built.parent / "model.onnx")
    accelerator = Accelerator.load(built)
    assert np.array_equal(accelerator.execute(accelerator.quantise(x)), Reference(model).integers(x))
    seen = json.loads((built / "report" / "sparse_verification.json").read_text())["out"]
    assert seen["reference"] == "onnxruntime" and (seen["samples"], seen["mismatches"]) == (1000, 0)
    counted = json.loads((built / "report" / "sparse_synthesis.json").read_text())
    assert counted["family"] == "xc7" and 50 < counted["out"]["lut"] < 1000
    for name in ("rtl/finn_accel.sv", "report/estimate_layer_resources.json", "intermediate_models/step_infer_sparse_mvau.onnx"):
        assert (built / name).exists(), name


@pytest.mark.slow
def test_it_keeps_to_finns_fields(built, tmp_path):
    """100 million a second at 5 ns is a frame every second cycle."""
    foldings = json.loads((built / "sparse_folding_config.json").read_text())
    assert json.loads((built / "report" / "sparse_verification.json").read_text())["out"]["ii_cycles"] <= 2
    assert set(foldings) == {"layer0", "layer1", "layer2"}
    (tmp_path / "folding.json").write_text(json.dumps({"layer1": {"style": "folded", "PE": 2, "SIMD": 1}}))
    steps = 'steps=["step_import_qonnx", "step_tidy_up", "step_convert_to_hw", "finn_steps.steps.step_infer_sparse_mvau",\n' \
            '"finn_steps.steps.step_choose_sparse_folding"], folding_config_file="folding.json"'
    done = run(tmp_path, asking(steps, fpga_part='"xczu7ev-ffvc1156-2-e"'))
    assert done.returncode == 0, told(done)
    chosen = json.loads((tmp_path / "out" / "sparse_folding_config.json").read_text())
    assert (chosen["layer1"]["style"], chosen["layer1"]["PE"]) == ("folded", 2) and chosen["layer0"]["style"] == "unrolled"


@pytest.mark.slow
def test_beside_finns_own_nodes(tmp_path):
    done = run(tmp_path, asking(SECOND))
    assert done.returncode == 0, told(done)
    model = ModelWrapper(str(tmp_path / "out" / "intermediate_models" / "step_hw_codegen.onnx"))
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["Thresholding_rtl", *["SparseMVAU_rtl"] * 3, "ElementwiseMul_hls", "ElementwiseAdd_hls"]
    seen = json.loads((tmp_path / "out" / "report" / "sparse_verification.json").read_text())["layer0"]
    assert seen["reference"] == "the graph's nodes in Python" and seen["samples"] > 1000 and seen["mismatches"] == 0
    assert (tmp_path / "out" / "sparse" / "layer0" / "rtl" / "finn_accel.sv").exists()
    estimates = json.loads((tmp_path / "out" / "report" / "estimate_layer_resources.json").read_text())
    assert estimates["SparseMVAU_rtl_0"]["LUT"] > 0 and "Thresholding_rtl_0" in estimates


WRONG = [
    (["step_qonnx_to_finn", "step_tidy_up", "step_streamline", "step_import_qonnx"], 1,
     "step_import_qonnx: it reads the model as it was exported, and step_qonnx_to_finn has run"),
    (["step_import_qonnx", "step_infer_sparse_mvau"], 1, "step_infer_sparse_mvau: the graph has no MVAU node; step_convert_to_hw"),
    (["step_import_qonnx", "finn_steps.steps.step_choose_sparse_folding"], 1, "step_choose_sparse_folding: the graph has no SparseMVAU node"),
    (["step_choose_sparse_folding"], 300_000_000,
     "step_choose_sparse_folding: target_fps (300,000,000) is above one inference a cycle; at synth_clk_period_ns 5 the most is"),
]
"""Steps, target_fps, and what is said of them."""


@pytest.mark.slow
def test_errors_are_one_line(tmp_path):
    """All in one process: FINN takes its time to start."""
    text = "WRONG = " + repr([(steps, fps) for steps, fps, _ in WRONG]) + "\n" + FIRST
    text = re.sub(r"steps=\[.*?\]\)", "steps=steps)", text, flags=re.S).replace("target_fps=100_000_000", "target_fps=fps")
    text = re.sub(r"(cfg = .*)", lambda m: "for steps, fps in WRONG:\n" + "\n".join(f"    {line}" for line in m[1].split("\n")), text, flags=re.S)
    done = run(tmp_path, text.replace("raise SystemExit(build_dataflow_cfg(\"model.onnx\", cfg))", "assert build_dataflow_cfg(\"model.onnx\", cfg) == -1"))
    assert done.returncode == 0, told(done)
    assert all(f"FINN ERROR: {said}" in told(done) for _, _, said in WRONG), told(done)
    assert "Traceback" not in done.stdout + done.stderr and "INTERNAL" not in done.stdout + done.stderr


@pytest.mark.parametrize("steps, fps, said", WRONG)
def test_an_error_is_one_of_finns_users(tmp_path, steps, fps, said):
    """FINN's builder prints these as a line."""
    from finn_steps.finn.environment import prepare_finn

    prepare_finn()
    from finn.builder.build_dataflow_config import DataflowBuildConfig
    from finn.util.exception import FINNUserError

    cfg = DataflowBuildConfig(output_dir=str(tmp_path), fpga_part="xc7z020clg400-1", synth_clk_period_ns=5.0, target_fps=fps, generate_outputs=[],
                              steps=steps)
    model = ModelWrapper(qonnx_net(SMALL, seed=7))
    node = helper.make_node("MultiThreshold", ["x", "t"], ["y"], domain="qonnx.custom_op.general", name="MultiThreshold_0")
    model.graph.node.extend([node] if "step_streamline" in steps else [])
    with pytest.raises(FINNUserError, match=re.escape(said)) as caught:
        getattr(finn_steps.steps, steps[-1].rpartition(".")[2])(model, cfg)
    assert "\n" not in str(caught.value)


def test_a_graph_of_finns_hardware_is_refused():
    node = SimpleNamespace(domain="finn.custom_op.fpgadataflow", name="MVAU_0", op_type="MVAU")
    model = SimpleNamespace(graph=SimpleNamespace(node=[node]), get_nodes_by_op_type=lambda name: [])
    with pytest.raises(ValueError, match="node MVAU_0 .MVAU. is FINN's hardware"):
        finn_steps.steps.require_untouched(model, SimpleNamespace(steps=["finn_steps.steps.step_import_qonnx"]))


def test_registering_twice_changes_nothing_and_a_strangers_step_is_not_taken_over():
    finn_steps.steps.register()
    finn_steps.steps.register()
    from finn.builder.build_dataflow_steps import build_dataflow_step_lookup as known

    assert all(known[step.__name__] is step for step in finn_steps.steps.STEPS)
    known["step_verify_sparse_rtl"] = print
    try:
        with pytest.raises(ValueError, match="has a step step_verify_sparse_rtl already"):
            finn_steps.steps.register()
    finally:
        known["step_verify_sparse_rtl"] = finn_steps.steps.step_verify_sparse_rtl


def test_dense_layers_may_stay_finns(tmp_path):
    from finn_steps.finn.builder import run_steps
    from finn_steps.finn.chains import sparse_chains
    from finn_steps.finn.transformation.infer_sparse_mvau import InferSparseMVAU

    onnx.save(qonnx_net(Net(widths=(6, 8, 5, 3), zeros=0.0), seed=1), tmp_path / "model.onnx")
    kept = []

    def step_thin_one(model, cfg):
        name = model.get_nodes_by_op_type("MVAU")[1].input[1]
        weights = model.get_initializer(name).copy()
        weights[:, 1:] = 0
        model.set_initializer(name, weights)
        kept.append(model.transform(InferSparseMVAU(least_zeros=0.5)))
        return kept[0]

    run_steps(tmp_path / "model.onnx", [finn_steps.steps.step_import_qonnx, "step_tidy_up", "step_convert_to_hw", step_thin_one], tmp_path / "out")
    kinds = [node.op_type for node in kept[0].graph.node]
    assert kinds.count("SparseMVAU") == 1 and kinds.count("MVAU") == 2
    assert [len(chain) for chain in sparse_chains(kept[0])] == [1]
