"""docs/first_tagger.md: its commands, on a table and a float network like those of its reader."""

from __future__ import annotations

import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from build_dataflow.cli import cli
from build_dataflow.configuration import ROOT

FEATURES = ["pt", "eta", "mass", "d0", "tau21"]


def write_inputs(folder) -> None:
    """8,000 events of three overlapping kinds, and a float network trained on their standardised features."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 8000)
    x = (rng.normal(size=(3, 5))[y] * 1.3 + rng.normal(size=(8000, 5))) * [30, 1, 40, 0.02, 0.3] + [60, 0, 90, 0, 0.5]
    frame = pd.DataFrame(x, columns=FEATURES).assign(event=np.arange(8000) + 100_000, kind=np.array(["signal", "b", "light"])[y])
    frame.to_csv(folder / "events.csv", index=False)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    inputs = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
    labels = torch.tensor(np.unique(frame.kind, return_inverse=True)[1])
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs), labels).backward()
        optimiser.step()
    torch.save(net.state_dict(), folder / "net.pt")


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
