"""docs/torch_to_report.ipynb from top to bottom, cell by cell, in a folder of its own."""

import json
import re

import pytest

from build_dataflow.configuration import ROOT

NOTEBOOK = ROOT / "docs" / "torch_to_report.ipynb"


def cells() -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_carries_no_outputs():
    assert all(not cell.get("outputs") for cell in json.loads(NOTEBOOK.read_text())["cells"])


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("vl_convert", reason="the page's charts need vl-convert-python (requirements/base.txt)")
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, code in enumerate(cells()):
        exec(compile(code, f"cell {number}", "exec"), names)
    told, summary = capsys.readouterr().out, names["result"].summary
    assert "15,000 of 15,000 jets equal in every integer" in told
    assert names["page"].is_file() and str(names["page"]) in told
    hardware, torch_model = map(float, re.search(r"accuracy ([\d.]+) in hardware, ([\d.]+) in torch", told).groups())
    assert hardware == round(summary["accuracy"]["hardware"], 4) > 0.65 and abs(hardware - torch_model) < 0.002
    assert summary["model"]["nonzero_weights"] == -(-summary["model"]["weights"] // 5)
