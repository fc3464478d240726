"""A run to a budget that is killed goes on to the same front; so does one with another number of workers."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from build_dataflow.configuration import ROOT

WAIT_S = 240


def write_table(path: Path) -> None:
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, 1500)
    x = rng.normal(size=(3, 6))[y] * 1.2 + rng.normal(size=(1500, 6))
    pd.DataFrame(x, columns=list("abcdef")).assign(kind=np.array(["b", "light", "signal"])[y]).to_csv(path, index=False)


def start(folder: Path, workers: int) -> subprocess.Popen:
    options = ["--data", "../events.csv", "--label", "kind", "--hidden", "8,6", "--lut", "150", "--latency-ns", "100", "--output", "tagger",
               "--workers", str(workers), "--set", "epochs=2", "--set", "dense_epochs=3"]
    folder.mkdir(exist_ok=True)
    log = (folder / "log").open("a")
    return subprocess.Popen([sys.executable, "-m", "build_dataflow", "train", *options], cwd=folder, stdout=log, stderr=log,
                            env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True)


def killed_when(pattern: str, count: int, folder: Path) -> None:
    """Start, and SIGKILL as soon as there are so many files of `pattern`."""
    process, ends = start(folder, workers=2), time.monotonic() + WAIT_S
    while len(list((folder / "tagger" / "rungs").glob(pattern))) < count:
        assert process.poll() is None and time.monotonic() < ends, (folder / "log").read_text()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "tagger" / "record.json").exists()


def front(folder: Path) -> list[list[str]]:
    """All rows, models by their place in the folder."""
    with (folder / "tagger" / "front.csv").open() as stream:
        return [[*row[:-1], row[-1].rpartition("rungs/")[2]] for row in csv.reader(stream)]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_front(tmp_path):
    write_table(tmp_path / "events.csv")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    killed_when("*/*.cost-*.json", 4, killed)
    killed_when("*/*-*-1.json", 1, killed)  # in the last fits
    for folder, workers in ((killed, 2), (whole, 1)):
        process = start(folder, workers)
        assert process.wait(WAIT_S) == 0, (folder / "log").read_text()
    assert front(killed) == front(whole) and len(front(whole)) > 2
    files = [Path("tagger/model.onnx"), *(path.relative_to(whole) for path in sorted((whole / "build/tagger/rtl").iterdir()))]
    for name in files:
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
