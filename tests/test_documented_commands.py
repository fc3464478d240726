"""Every command in README and docs: known to tests/documented.py, and run as it stands in a folder that has what a reader has."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import onnx
import pandas as pd
import pytest

from build_dataflow.configuration import ROOT
from tests.documented import KNOWN, Held, commands, environment_is_made, holds, pages, runs
from tests.qonnx_nets import Net, model_inputs, qonnx_net

SMALL = Net(widths=(6, 8, 5, 3), weight_bits=3, activation_bits=3, input_bits=4, zeros=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A reader's folder: run-local.sh and .venv of the checkout, a model, tables, and build/jet_qap where this checkout has built it."""
    place = tmp_path_factory.mktemp("a reader")
    for name in ("run-local.sh", "docs", "build_dataflow"):
        (place / name).symlink_to(ROOT / name)
    (place / ".venv" / "bin").mkdir(parents=True)
    (place / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n')
    (place / ".venv" / "bin" / "python").chmod(0o755)
    (place / "path" / "to").mkdir(parents=True)
    onnx.save(qonnx_net(SMALL, seed=7), place / "path" / "to" / "model.onnx")
    x = model_inputs(6, 400, 1)
    kinds = np.array(["a", "b", "c"])[np.arange(400) % 3]
    pd.DataFrame(x, columns=[f"x{i}" for i in range(6)]).assign(**{"class": kinds}).to_csv(place / "samples.csv", index=False)
    mine = pd.DataFrame(np.random.default_rng(0).normal(size=(3000, 4)), columns=["pt", "eta", "mass", "d0"])
    mine.assign(event=np.arange(3000) + 7, kind=np.where(mine.pt > mine.eta, "signal", "other")).to_csv(place / "mine.csv", index=False)
    if (ROOT / "build" / "jet_qap").is_dir():
        (place / "build").mkdir()
        (place / "build" / "jet_qap").symlink_to(ROOT / "build" / "jet_qap")
    return place


def run(command: str, folder) -> None:
    if "run-local.sh" in command and not environment_is_made():
        pytest.skip(".venv is not the one that this checkout needs: ./run-local.sh --version makes it")
    if "jet_qap" in command and not command.startswith("./run-local.sh build") and not (folder / "build" / "jet_qap").exists():
        pytest.skip("build/jet_qap is not there: ./run-local.sh build jet_qap")
    own = " --output models/tagger" if " train tagger " in command else ""
    done = subprocess.run(["bash", "-c", command + own], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert KNOWN[command].says in done.stdout


@pytest.mark.parametrize("command", runs(slow=False))
def test_runs(command, folder):
    run(command, folder)


@pytest.mark.slow
@pytest.mark.parametrize("command", runs(slow=True))
def test_runs_for_longer(command, folder):
    run(command, folder)


def test_every_command_of_the_pages_is_known_and_none_else():
    found = {command: page for page, text in pages().items() for command in commands(text)}
    unknown = {command: page for command, page in found.items() if command not in KNOWN}
    assert not unknown, "say in tests/documented.py what runs it"
    assert set(KNOWN) - set(found) == set()


def test_whoever_runs_a_command_is_there():
    assert not [(command, how.by) for command, how in KNOWN.items() if isinstance(how, Held) and not holds(how)]


def test_commands_are_found_in_blocks_and_lines():
    text = ("    ./run-local.sh build a    # why\n\nUse `./run-local.sh verify\nb`, or `./run-local.sh`.\n```sh\npip install c\n```\n"
            "./run-local.sh is it\n")
    assert commands(text)[:2] == ["./run-local.sh build a", "pip install c"] and "./run-local.sh verify b" in commands(text)
