"""Builds from Python: docs/api.md as it stands, and what it promises."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from build_dataflow import build, load
from finn_steps.verification.reference import Reference

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def page(small_model, tmp_path_factory):
    """The page's code, run beside a file named model.onnx: its names."""
    folder = tmp_path_factory.mktemp("a page")
    shutil.copy(small_model, folder / "model.onnx")
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.S)[1]
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(code, names)
        names["result"] = load(Path("build/model").resolve())
    return names


def test_the_page_runs(page):
    result = page["result"]
    assert result.folder.name == "model" and (result.folder / "rtl" / "finn_accel.sv").is_file()
    assert result.summary["verification"]["mismatches"] == 0 and result.summary["hardware"]["ii_cycles"] == 1


def test_predict_answers_as_the_model_does(page):
    result = page["result"]
    x = np.random.default_rng(1).normal(0, 3, (500, 6)).astype(np.float32)
    assert np.array_equal(result.predict(x), Reference(result.folder / "standard.onnx").outputs(x))
    with pytest.raises(ValueError, match=r"takes \[N, 6\], got \[500, 5\]"):
        result.predict(x[:, :5])


def test_report_prints(page, capsys):
    page["result"].report()
    assert "equal to onnxruntime" in " ".join(capsys.readouterr().out.split())


def test_unknown_options_and_builds_are_told(small_model):
    with pytest.raises(TypeError, match="no option target_iii; did you mean target_ii?"):
        build(small_model, target_iii=1)
    with pytest.raises(FileNotFoundError, match="no finished build"):
        load("none")


def test_the_import_loads_nothing_heavy():
    code = "import sys, build_dataflow; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "finn", "numpy", "onnx", "click"} & set(loaded)
