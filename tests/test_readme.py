"""The README's figures are those of the last build of jet_qap (CI builds it first)."""

import json
import re
from dataclasses import asdict

import pytest

from build_dataflow.configuration import ROOT
from finn_steps.synthesis import synthesise

SUMMARY = ROOT / "build" / "jet_qap" / "report" / "summary.json"
README = (ROOT / "README.md").read_text()


@pytest.fixture
def summary():
    if not SUMMARY.is_file():
        pytest.skip("build/jet_qap is not there: ./run-local.sh build jet_qap")
    return json.loads(SUMMARY.read_text())


def row(name):
    return re.search(rf"^\| {re.escape(name)} \| (.*) \|$", README, re.M)[1]


def test_model_and_verification(summary):
    model, verification, accuracy = summary["model"], summary["verification"], summary["accuracy"]
    zeros = 1 - model["nonzero_weights"] / model["weights"]
    assert row("zero weights") == f"{100 * zeros:.1f} % ({model['nonzero_weights']:,} of {model['weights']:,} left)"
    assert row("jets equal to onnxruntime").startswith(f"{verification['samples'] - verification['mismatches']:,} of {verification['samples']:,}")
    record = json.loads((ROOT / "models" / "jet_qap" / "record.json").read_text())
    assert row("accuracy on the test jets") == (f"{accuracy['hardware']:.4f} in hardware, {accuracy['onnxruntime']:.4f} in onnxruntime "
                                               f"({record['accuracy']['float']['test']:.4f} for our float net of the same shape)")


def test_hardware(summary):
    hardware = summary["hardware"]
    assert row("latency, II (measured in simulation)") == f"{hardware['latency_cycles']} cycles, {hardware['ii_cycles']:g} cycle"
    assert summary["synthesis"]["family"] == "xc7"
    assert row("Yosys 0.70, 7 series") == counted(summary["synthesis"])
    if other := summary["synthesis"]["other_families"].get("xcup"):
        assert row("Yosys 0.70, UltraScale+ (`--families all`)") == counted(other)


@pytest.mark.slow
def test_the_other_family(summary):
    counts = asdict(synthesise(SUMMARY.parents[1] / "rtl", "xcup"))
    assert row("Yosys 0.70, UltraScale+ (`--families all`)") == counted(counts)


def counted(counts):
    return f"{counts['lut']:,} LUT, {counts['ff']:,} FF, {counts['carry']:,} CARRY4, {counts['dsp']} DSP, {counts['bram']} BRAM"


def test_what_the_issue_asks_of_the_shipped_network(summary):
    record = json.loads((ROOT / "models" / "jet_qap" / "record.json").read_text())
    assert summary["model"]["nonzero_weights"] <= 0.1 * summary["model"]["weights"]
    assert summary["verification"]["samples"] == summary["verification"]["equal_float_outputs"] == 15000
    assert summary["verification"]["mismatches"] == 0
    assert summary["accuracy"]["hardware"] >= record["accuracy"]["float"]["test"] - 0.01
