"""docs/first_tagger.md: its commands, on a table and a float network like those of its reader."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner

from build_dataflow.cli import cli
from build_dataflow.configuration import ROOT

def write_inputs(folder) -> None:
    """The journey's: a table, and a float network trained on its standardised features."""
    subprocess.run([sys.executable, ROOT / "docs" / "journeys" / "sample_events.py"], cwd=folder, check=True)


def commands() -> list[list[str]]:
    """The page's commands, in order, with its network written to a folder of the test's."""
    text = (ROOT / "docs" / "first_tagger.md").read_text()
    found = [shlex.split(line) for line in re.findall(r"^    \./run-local\.sh (.*)$", text, flags=re.MULTILINE)]
    assert [words[0] for words in found] == ["train", "verify", "build"]
    return found


@pytest.mark.slow
def test_first_tagger(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    train, verify, explore = commands()
    run([*train, "--output", "models/tagger"])
    record = json.loads((tmp_path / "models/tagger/record.json").read_text())
    summary = json.loads((tmp_path / "build/tagger/report/summary.json").read_text())
    assert record["classes"] == ["b", "light", "signal"] and summary["verification"]["mismatches"] == 0
    assert summary["synthesis"]["lut"] <= 1000
    assert summary["hardware"]["latency_cycles"] * summary["hardware"]["clock_ns"] <= 100
    assert summary["accuracy"]["hardware"] >= record["accuracy"]["float"]["test"] - 0.03
    run([*verify[:-1], "20000"])
    run(explore)


def run(words: list[str]) -> None:
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
