"""Which families are counted, and what stands for a count that takes too long. Yosys is the real one where it counts."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict

import psutil
import pytest

import build_dataflow.synthesis
from build_dataflow.configuration import ROOT, BuildOptions
from build_dataflow.jsonfile import write_json
from build_dataflow.report import counted
from build_dataflow.synthesis import luts_for_budget, synthesise_build
from finn_steps.folding.cost import estimate
from finn_steps.folding.streams import save_accelerator
from finn_steps.rtl.generate import generate
from finn_steps.synthesis.yosys import SynthesisResult, SynthesisTimeout
from tests.nets import random_accelerator

slow = pytest.mark.slow
COUNTS = SynthesisResult(lut=1000, ff=500, carry=40, dsp=0, bram=2, lutram=10, logic_levels=6, tool="yosys")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QAPFLOW_CACHE", str(tmp_path / "cache"))
    accelerator = random_accelerator((5, 4, 3), zeros=0.5, seed=1)
    save_accelerator(accelerator, tmp_path)
    generate(accelerator, tmp_path / "rtl")
    write_json(tmp_path / "report" / "estimate.json", asdict(estimate(accelerator)))
    return tmp_path


def options(small_model, **more):
    return BuildOptions(**{"name": "small", "model": small_model, **more})


def fake(monkeypatch, whole=COUNTS, layer=COUNTS):
    """What each call of synthesise gives; an exception is raised. Returns the families asked for the whole, and the layers' calls."""
    asked = {"whole": [], "layer": []}

    def synthesise(rtl, family, timeout):
        kind = "whole" if rtl.name == "rtl" else "layer"
        asked[kind].append(family)
        result = {"whole": whole, "layer": layer}[kind]
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(build_dataflow.synthesis, "synthesise", synthesise)
    return asked


@pytest.mark.parametrize("families, small_lut, cores, expected", [
    ("auto", 20_000, 4, ["xc7", "xcup"]), ("auto", 20_000, 2, ["xc7"]), ("auto", 0, 8, ["xc7"]), ("all", 0, 1, ["xc7", "xcup"]),
    ("part", 20_000, 8, ["xc7"])])
def test_families(folder, small_model, monkeypatch, families, small_lut, cores, expected):
    monkeypatch.setattr(build_dataflow.synthesis, "SMALL_LUT", small_lut)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    asked = fake(monkeypatch)
    found = synthesise_build(folder, options(small_model, families=families))
    assert sorted(asked["whole"]) == expected
    assert [found["family"], *found["other_families"]] == expected and found["lut"] == 1000 and not found["timed_out"]
    assert "logic levels" in counted(found)


def test_the_layers_stand_for_a_whole_that_takes_too_long(folder, small_model, monkeypatch):
    monkeypatch.setattr(build_dataflow.synthesis, "SMALL_LUT", 0)
    asked = fake(monkeypatch, whole=SynthesisTimeout("too long"))
    found = synthesise_build(folder, options(small_model, synthesis_timeout=7))
    assert asked["layer"] == ["xc7", "xc7"] and found["timed_out"] and found["lut_from"] == "layers"
    assert found["lut"] == found["by_layer"]["lut"] < 2000, "what joins the layers is there once"
    assert [layer["lut"] for layer in found["by_layer"]["layers"]] == [1000, 1000]
    assert found["bram"] == 4 and "logic_levels" not in found
    assert json.loads((folder / "report" / "by_layer.json").read_text()) == found["by_layer"]
    assert counted(found).startswith("not done after 7 s; an estimate by its layers synthesised apart, to ")


def test_the_cost_model_stands_for_both(folder, small_model):
    """Real Yosys, which cannot be done in 0.3 s."""
    found = synthesise_build(folder, options(small_model, synthesis_timeout=0.3))
    estimated = json.loads((folder / "report" / "estimate.json").read_text())
    assert found["timed_out"] and found["lut_from"] == "estimate" and found["lut"] == estimated["lut"]
    assert found["other_families"] == {} and "by_layer" not in found
    assert counted(found).startswith("not done after 0.3 s; an estimate by the cost model: ")
    with pytest.raises(RuntimeError, match="--lut-budget holds for what Yosys counts, .*not done after 0.3 s; .*--synthesis-timeout"):
        luts_for_budget(folder / "rtl", options(small_model, synthesis_timeout=0.3))


def test_an_error_of_yosys_is_no_timeout(folder, small_model, monkeypatch):
    fake(monkeypatch, whole=RuntimeError("Yosys: ERROR: broken"))
    with pytest.raises(RuntimeError, match="broken"):
        synthesise_build(folder, options(small_model))


@pytest.mark.parametrize("field, value, message", [("families", "both", "must be auto, all or part"), ("synthesis_timeout", 0, "above zero")])
def test_options_are_checked(small_model, field, value, message):
    with pytest.raises(ValueError, match=message):
        options(small_model, **{field: value})


def yosys_below(build):
    """The Yosys processes that a build has started."""
    with suppress(psutil.Error):
        return [child for child in psutil.Process(build.pid).children(recursive=True) if "pyosys" in " ".join(child.cmdline())]
    return []


@slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_yosys_is_left_when_a_build_ends(small_model, tmp_path, ending):
    command = [sys.executable, "-m", "build_dataflow", "build", str(small_model), "--samples", "100", "--output", str(tmp_path / "out")]
    environment = {**os.environ, "QAPFLOW_CACHE": str(tmp_path / "cache")}
    build = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        while not (yosys := yosys_below(build)):
            assert build.poll() is None, "the build ended before Yosys was seen"
            time.sleep(0.05)
        build.send_signal(ending)
        build.wait(30)
    finally:
        build.kill()
    psutil.wait_procs(yosys, timeout=10)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in yosys)
