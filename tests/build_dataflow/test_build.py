"""A whole build of a small network: FINN's builder, RTL, Verilator, onnxruntime and the package; Yosys in the jet tagger's own test."""

import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import build_dataflow.steps
from build_dataflow.building import build
from build_dataflow.configuration import ROOT, BuildOptions
from build_dataflow.verify import VerificationError, extend_verification, require_equal_to_model, verify_build
from finn_steps.accelerator import Accelerator
from finn_steps.emulator import Emulator
from finn_steps.importer.lower import import_model
from finn_steps.rtl.generate import generate
from finn_steps.verification.reference import Reference, write_standard_onnx
from finn_steps.verification.stimulus import random_model_inputs
from tests.build_dataflow.conftest import SMALL
from tests.qonnx_nets import qonnx_net


def options(model, **more):
    return BuildOptions(**{"name": "small", "model": model, "samples": 300, "synthesis": False, **more})


@pytest.fixture(scope="module")
def built(small_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out put") / "small"
    return folder, build(options(small_model), folder)


def test_summary_is_the_public_interface(built):
    folder, summary = built
    assert summary == json.loads((folder / "report" / "summary.json").read_text())
    assert set(summary) == {"schema", "name", "build_dataflow", "model", "hardware", "verification", "warnings", "estimate", "time_s",
                            "memory_mb"}
    assert summary["schema"] == 1
    assert summary["verification"]["reference"] == "onnxruntime"
    assert summary["verification"]["samples"] == summary["verification"]["equal_float_outputs"] == 300
    assert summary["verification"]["mismatches"] == summary["verification"]["borderline"] == 0
    assert (summary["verification"]["rtl_samples"], summary["verification"]["emulator_samples"]) == (300, 0)
    assert summary["hardware"]["ii_cycles"] == 1
    assert all(summary["estimate"][key] == summary["hardware"][key] for key in ("latency_cycles", "ii_cycles"))
    assert summary["model"]["weights"] == 6 * 8 + 8 * 5 + 5 * 3
    memory = summary["memory_mb"]
    assert set(memory["steps"]) == set(summary["time_s"]["steps"]) and memory["peak"] == max(memory["steps"].values())
    assert all(50 < much < 10_000 for much in memory["steps"].values()), "FINN and onnxruntime take more, and no step that much"
    assert sum(summary["time_s"]["steps"].values()) == pytest.approx(summary["time_s"]["total"])


def test_folder_follows_finns_contract(built):
    folder, _ = built
    for name in ("intermediate_models", "rtl/finn_accel.sv", "rtl/filelist.f", "report", "verification_output", "driver", "deploy",
                 "accelerator.json", "build.log", "folding_config.json"):
        assert (folder / name).exists(), name
    assert not list(folder.parent.glob(".small.partial"))


@pytest.mark.parametrize("last_layer", ["raw", "label"])
def test_what_the_rtl_has_no_cycles_for_goes_through_the_emulator(small_model, tmp_path, monkeypatch, last_layer):
    monkeypatch.setattr("build_dataflow.verify.RTL_CYCLES", 100)
    monkeypatch.setattr("build_dataflow.verify.STALLED_SAMPLES", 70)
    monkeypatch.setattr("build_dataflow.verify.EDGE_CYCLES", 9)
    monkeypatch.setattr("build_dataflow.verify.EDGE_SAMPLES", 9)
    asked = options(small_model, last_layer=last_layer)
    verification = build(asked, tmp_path / "bulk")["verification"]
    assert [verification[name] for name in ("samples", "rtl_samples", "emulator_samples")] == [300, 100, 200]
    corners = 2 + 2 * Accelerator.load(tmp_path / "bulk").MW
    assert [verification[name] for name in ("corners", "emulator_corners", "stalled_samples")] == [9, corners - 9, 9]
    assert verification["mismatches"] == 0 and verification["equal_float_outputs"] == 300
    execute = Emulator.execute
    monkeypatch.setattr(Emulator, "execute", lambda self, q: execute(self, q) + (np.arange(len(q)) == 150)[:, None])
    with pytest.raises(VerificationError, match="emulator differs .* sample 250"):
        verify_build(tmp_path / "bulk", asked)


@pytest.mark.parametrize("target_ii", [1, 16])
def test_a_build_can_answer_with_labels(small_model, tmp_path, target_ii):
    folder = tmp_path / "label"
    summary = build(options(small_model, last_layer="label", target_ii=target_ii), folder)
    assert summary["hardware"]["last_layer"] == "label"
    assert (summary["verification"]["mismatches"], summary["verification"]["equal_float_outputs"]) == (0, 300)
    with np.load(folder / "driver" / "vectors.npz") as vectors:
        chosen = Reference(folder / "standard.onnx").outputs(vectors["x"]).argmax(1)[:, None]
        assert np.array_equal(vectors["integers"], chosen) and np.array_equal(vectors["outputs"], chosen)
    assert extend_verification(folder, 2000, 500, seed=3)["rtl_samples"] == 500


def test_packaged_vectors_are_the_models(built):
    folder, _ = built
    accelerator = Accelerator.load(folder / "driver")
    with np.load(folder / "driver" / "vectors.npz") as vectors:
        integers = accelerator.execute(accelerator.quantise(vectors["x"]))
        assert np.array_equal(integers, vectors["integers"])
        assert np.array_equal(accelerator.dequantise(integers), vectors["outputs"])


def test_same_options_same_hardware(built, small_model, tmp_path):
    folder, _ = built
    build(options(small_model), tmp_path / "again")
    for name in ("accelerator.json", "rtl/finn_accel.sv", "rtl/filelist.f"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_folded_by_target(small_model, tmp_path):
    summary = build(options(small_model, target_ii=16), tmp_path / "folded")
    assert summary["hardware"]["ii_cycles"] <= 16
    assert summary["verification"]["mismatches"] == 0


def test_folding_fed_back(built, small_model, tmp_path):
    first = built[1]["hardware"]["layers"][0]
    folding = tmp_path / "folding.json"
    folding.write_text(json.dumps({"layer0": {"PE": first["MH"], "SIMD": 1}}))
    layers = build(options(small_model, folding=folding), tmp_path / "mixed")["hardware"]["layers"]
    assert [layer["style"] for layer in layers] == ["folded", "unrolled", "unrolled"]
    assert (layers[0]["PE"], layers[0]["SIMD"]) == (first["MH"], 1)


def test_folding_of_more_rows_than_there_are(built, small_model, tmp_path):
    MH = built[1]["hardware"]["layers"][1]["MH"]
    folding = tmp_path / "folding.json"
    folding.write_text(json.dumps({"layer1": {"PE": MH + 1}}))
    with pytest.raises(ValueError, match=rf"layer1: PE \({MH + 1}\) must be at most MH \({MH}\)"):
        build(options(small_model, folding=folding), tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


def test_failed_build_keeps_the_last_good_one(small_model, tmp_path):
    output = tmp_path / "kept"
    build(options(small_model), output)
    before = (output / "report" / "summary.json").read_bytes()
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes(small_model.read_bytes()[:500])
    with pytest.raises(ValueError):
        build(options(truncated), output)
    assert (output / "report" / "summary.json").read_bytes() == before


@pytest.mark.slow
def test_killed_build_resumes(small_model, tmp_path):
    """SIGKILL in mid-build: the last good output stands; --resume goes on and ends with the same hardware."""
    output = tmp_path / "killed"
    build(options(small_model), output)
    before = (output / "report" / "summary.json").read_bytes()
    command = [sys.executable, "-m", "build_dataflow", "build", str(small_model), "--samples", "300", "--no-synthesis", "--output", str(output)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    while b"step_specialize_layers" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert (output / "report" / "summary.json").read_bytes() == before
    done = subprocess.run([*command, "--resume"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "step_import_qonnx" not in done.stderr and "step_verify_rtl" in done.stderr
    assert json.loads(before)["model"] == json.loads((output / "report" / "summary.json").read_text())["model"]


def test_resume_refuses_other_options(small_model, tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.csv"):
        build(options(small_model, data=str(tmp_path / "missing.csv"), label="y"), tmp_path / "out")
    with pytest.raises(ValueError, match="other options .*data.*without --resume"):
        build(options(small_model), tmp_path / "out", resume=True)
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        build(options(small_model), tmp_path / "elsewhere", resume=True)


def test_a_fault_in_the_rtl_is_found_and_located(small_model, tmp_path, monkeypatch):
    def faulty(accelerator, folder):
        """RTL of a network whose second layer has one weight changed."""
        layer = accelerator.layers[1]
        weights = layer.weights.copy()
        weights[tuple(np.argwhere(weights)[0])] += 1
        broken = replace(accelerator, layers=(accelerator.layers[0], replace(layer, weights=weights), *accelerator.layers[2:]))
        return generate(broken, folder)

    monkeypatch.setattr(build_dataflow.steps, "generate", faulty)
    with pytest.raises(VerificationError, match=r"sample \d+, layer2, neuron \d+: expected -?\d+, got -?\d+"):
        build(options(small_model), tmp_path / "faulty")
    assert not (tmp_path / "faulty").exists()
    shutil.rmtree(tmp_path / ".faulty.partial")


def test_a_fault_in_the_import_is_located(built, small_model, tmp_path):
    """standard.onnx of another network: the first differing layer is named."""
    folder = tmp_path / "other"
    shutil.copytree(built[0], folder)
    write_standard_onnx(import_model(qonnx_net(SMALL, seed=8)), folder / "standard.onnx")
    accelerator = Accelerator.load(folder)
    x = random_model_inputs(accelerator, 100, 0)
    with pytest.raises(VerificationError, match=r"onnxruntime: sample \d+, (input|layer0), neuron \d+: expected"):
        require_equal_to_model(folder, x, accelerator.execute(accelerator.quantise(x)))


def test_verification_can_be_extended(built):
    counts = extend_verification(built[0], samples=5000, rtl_samples=500, seed=3)
    assert counts == {"samples": 5000, "rtl_samples": 500, "borderline": 0, "original_samples": 5000}


def test_a_package_holds_nothing_of_the_machine_that_it_was_made_on(built):
    folder, _ = built
    secrets = {str(ROOT), str(Path.home()), str(folder), socket.gethostname(), os.environ.get("HOSTNAME", ""), str(folder.parent)}
    words = {word.encode() for word in secrets if len(word) > 3} | {f"/{getpass.getuser()}/".encode()}
    files = [path for part in ("deploy", "driver") for path in (folder / part).rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        data = path.read_bytes()
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                data = b"".join(name.encode() + stored[name].tobytes() for name in stored.files)
        assert [word for word in words if word in data] == [], path
        assert not re.search(rb"PRIVATE KEY|[Pp]assword|[Aa]pi[_-]?key|AKIA[0-9A-Z]{16}|ghp_\w{20}", data), path
