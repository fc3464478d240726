"""deploy/core of a build, and builds with --interface valid: one small network each way, through all steps but Yosys."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from build_dataflow.building import build
from build_dataflow.cli import cli
from build_dataflow.configuration import BuildOptions
from build_dataflow.steps import bench_inputs
from finn_steps.accelerator import Accelerator
from finn_steps.verification.stimulus import corner_inputs
from tests.deploy.kit.kits import in_icarus, needs_icarus, verdict
from tests.nets import random_accelerator


@pytest.fixture(scope="module", params=["stream", "valid"])
def built(request, small_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("core") / request.param
    return folder, build(BuildOptions("small", small_model, samples=100, synthesis=False, interface=request.param), folder)


def test_summary_and_package_say_the_interface(built):
    folder, summary = built
    interface = folder.name
    hardware, estimated, seen = summary["hardware"], summary["estimate"], summary["verification"]
    assert hardware["interface"] == interface == Accelerator.load(folder).interface
    assert (hardware["latency_cycles"], hardware["ii_cycles"]) == (estimated["latency_cycles"], estimated["ii_cycles"])
    assert seen["mismatches"] == 0 and seen["rtl_samples"] == 100 and seen["resets"] == 32
    assert seen["stall_patterns"] == {"stream": 3, "valid": 2}[interface]
    assert seen["not_proved"] == {}
    assert ("tready" in (folder / "rtl" / "finn_accel.sv").read_text()) == (interface == "stream")
    assert (folder / "deploy" / "shell").is_dir() == (interface == "stream")


def test_the_readme_says_what_the_summary_says(built):
    folder, summary = built
    readme = (folder / "deploy" / "core" / "README.md").read_text()
    hardware, seen = summary["hardware"], summary["verification"]
    assert f"answered after {hardware['latency_cycles']} cycles" in readme and Accelerator.load(folder).sha256 in readme
    assert f"{seen['samples']} samples ({seen['data']})" in readme
    assert f"Proved for every input, from this RTL: {', '.join(seen['proved_layers'])}." in readme
    assert all(f"| {layer['name']} | {layer['style']} |" in readme for layer in hardware["layers"])
    assert "Not synthesised in this build" in readme


@needs_icarus
def test_its_test_bench_passes(built):
    """Corners, then samples of the verification; the expected integers are the accelerator's."""
    folder, _ = built
    assert verdict(in_icarus(folder / "deploy" / "core")).startswith("PASS: 114 frames")


def test_bench_inputs_are_corners_and_samples_within_the_budget():
    net = random_accelerator((6, 5, 4), seed=1)
    q = np.random.default_rng(0).integers(-128, 128, (1000, 6))
    inputs, corners = bench_inputs(net, q, 300.0)
    assert corners == 14 and len(inputs) == 1000 and np.array_equal(inputs[:14], corner_inputs(net)) and np.array_equal(inputs[14:], q[:986])
    inputs, corners = bench_inputs(net, q, 4 * 100_000.0)
    assert corners == 14 and len(inputs) == 32
    wide = random_accelerator((300, 4), seed=1)
    inputs, corners = bench_inputs(wide, np.zeros((50, 300), np.int64), 1e6)
    assert corners == 16 and len(inputs) == 32 and {tuple(row) for row in inputs[:16]} <= {tuple(row) for row in corner_inputs(wide)}
    assert {tuple(row) for row in corner_inputs(wide)[:1]} <= {tuple(row) for row in inputs[:16]}


@pytest.mark.parametrize("arguments, says", [
    (["build", "{model}", "--interface", "valid", "--bitstream"], "--bitstream is for --interface stream"),
    (["build", "{model}", "--interface", "wire"], "'wire' is not one of 'stream', 'valid'"),
])
def test_what_cannot_be_is_one_line(small_model, arguments, says):
    done = CliRunner().invoke(cli, [argument.format(model=small_model) for argument in arguments])
    assert done.exit_code != 0 and says in done.output


def test_a_folded_layer_is_named(small_model, tmp_path):
    folding = tmp_path / "folding.json"
    folding.write_text(json.dumps({"layer1": {"style": "folded", "PE": 1, "SIMD": 1}}))
    with pytest.raises(ValueError, match="layer1: style 'folded' .* interface 'valid' takes unrolled, bitplane and serial layers"):
        build(BuildOptions("small", small_model, samples=10, synthesis=False, interface="valid", folding=folding), tmp_path / "out")


def test_measure_names_the_way_out(built):
    folder, _ = built
    if folder.name == "valid":
        done = CliRunner().invoke(cli, ["measure", str(folder), "--simulate"])
        assert done.exit_code != 0 and "--interface valid: nothing waits there" in done.output
