"""docs/journeys: each script as its reader starts it."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from build_dataflow.building import build
from build_dataflow.configuration import ROOT, BuildOptions
from tests.deploy.kit.kits import make_kit, needs_icarus, network
from tests.documented import environment_is_made

JOURNEYS = ROOT / "docs" / "journeys"


def journey(name: str, *arguments: Path | str, folder: Path) -> subprocess.CompletedProcess:
    """The script, started in `folder`; it must take at most five minutes."""
    if "run-local.sh" in (JOURNEYS / name).read_text() and not environment_is_made():
        pytest.skip(".venv is not the one that this checkout needs: ./run-local.sh --version makes it")
    done = subprocess.run([JOURNEYS / name, *arguments], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@needs_icarus
def test_engineer_with_a_small_core(tmp_path):
    made = make_kit(tmp_path / "build", network("folded", "stream"))
    with tarfile.open(tmp_path / "core.tar.gz", "w:gz") as archive:
        archive.add(made, "core")
    assert "\nPASS: " in f"\n{journey('engineer.sh', 'core.tar.gz', 'mine', folder=tmp_path).stdout}"


@pytest.mark.slow
@needs_icarus
@pytest.mark.parametrize("interface", ["stream", "valid"])
def test_engineer(tmp_path, interface):
    """With the core of the shipped tagger."""
    model = ROOT / "models" / "jet_qap" / "model.onnx"
    build(BuildOptions("jets", model, data="qapjets", synthesis=False, proof=False, interface=interface), tmp_path / "build")
    with tarfile.open(tmp_path / "core.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "build" / "deploy" / "core", "core")
    done = journey("engineer.sh", "core.tar.gz", "mine", folder=tmp_path)
    assert "\nPASS: " in f"\n{done.stdout}" and "warning" not in done.stderr
    assert (tmp_path / "mine" / "core" / "README.md").is_file()


@pytest.mark.slow
def test_physicist(tmp_path):
    done = journey("physicist.sh", "mine", folder=tmp_path)
    record = json.loads((tmp_path / "mine/models/tagger/record.json").read_text())
    summary = json.loads((tmp_path / "mine/build/tagger/report/summary.json").read_text())
    assert record["classes"] == ["b", "light", "signal"] and summary["verification"]["mismatches"] == 0
    assert summary["synthesis"]["lut"] <= 1000
    assert summary["hardware"]["latency_cycles"] * summary["hardware"]["clock_ns"] <= 100
    assert summary["accuracy"]["hardware"] >= record["accuracy"]["float"]["test"] - 0.03
    assert "20,000" in done.stdout
    assert "ROC" in (tmp_path / "mine/build/tagger/report/report.html").read_text()


@pytest.mark.slow
def test_finn_user(tmp_path):
    journey("finn_user.sh", "mine", folder=tmp_path)
    out = tmp_path / "mine" / "out"
    seen = json.loads((out / "report" / "sparse_verification.json").read_text())
    assert [(found["reference"], found["ii_cycles"] <= 64) for found in seen.values()] == [("onnxruntime", True)]
    measured = json.loads((out / "report" / "measure.json").read_text())
    assert measured["vectors"]["samples"] > 0 and measured["vectors"]["differing"] == 0
