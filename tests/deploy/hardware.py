"""The kinds of hardware that a test can run a build on: rtlsim, simulated-board, and board (skipped without QAPFLOW_BOARD).

QAPFLOW_BOARD        user@host of a PYNQ board that ssh reaches with a key
QAPFLOW_BOARD_BUILD  the build to run there, with its bitstream (default: build/jet_qap)
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from deploy.shell.boards import find_board
from deploy.simulate import simulated_board
from deploy.ssh import run_on_board
from finn_steps.accelerator import Accelerator
from finn_steps.rtlsim import Simulation
from tests.deploy.builds import CACHE

ROOT = Path(__file__).resolve().parents[2]
HARDWARE = ("rtlsim", "simulated-board", "board")


def build_for(hardware: str, small_build: Path) -> Path:
    """The build to run on `hardware`: the test's own, or on a board the one with a bitstream. Skips where there is no board."""
    if hardware != "board":
        return small_build
    if not os.environ.get("QAPFLOW_BOARD"):
        pytest.skip("QAPFLOW_BOARD is not set: no board")
    return Path(os.environ.get("QAPFLOW_BOARD_BUILD", ROOT / "build" / "jet_qap"))


def run_on(hardware: str, folder: Path, x: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs float32 [N, features] through the build in `folder`: that hardware's integers int64 [N, MH] and outputs float32."""
    if hardware == "rtlsim":
        accelerator = Accelerator.load(folder)
        integers = Simulation.build(folder / "rtl").run(accelerator.quantise(x), input_gaps=0.2, output_stalls=0.2, seed=1).y
        return {"integers": integers, "outputs": accelerator.dequantise(integers)}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        np.save(place / "inputs.npy", x)
        if hardware == "board":
            program = ["predict.py", "../inputs.npy", "../answers.npz"]
            run_on_board(os.environ["QAPFLOW_BOARD"], folder / "deploy", program, [place / "inputs.npy"], ["answers.npz"], place)
        else:
            traffic = {"gaps": 0.2, "stalls": 0.2, "seed": 1}
            with simulated_board(folder / "deploy", find_board("zcu104"), 100.0, CACHE, traffic=traffic) as run:
                done = run("predict.py", place / "inputs.npy", place / "answers.npz", capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        with np.load(place / "answers.npz") as answers:
            return dict(answers)
