"""Run a package's script on the simulated board: compile, write the bitstream's files, start pynq's environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from deploy.environment import ROOT, board_python
from deploy.network import Network
from deploy.shell.boards import Board
from deploy.simulated_board.bitfile import write_bitfile
from deploy.simulated_board.build import build


@contextmanager
def simulated_board(
    package: Path | str,
    board: Board,
    clock_mhz: float,
    cache: Path | str,
    seed: int = 0,
    traffic: dict | None = None,
    say=lambda text: None,
):
    """A copy of the package with a simulated bitstream: yields run(script, *arguments) -> CompletedProcess.

    package  a build's deploy folder
    traffic  {"gaps", "stalls", "seed"}: shares of cycles in which the DMA has nothing, or takes nothing
    """
    package = Path(package)
    python = board_python(say)
    say(f"compiling {board.name} in software …")
    compiled = build(package, board.dma_bits // 8, cache)
    with tempfile.TemporaryDirectory(prefix="qapflow-board.") as temporary:
        folder = Path(temporary) / "deploy"
        shutil.copytree(package / "driver", folder / "driver")
        write_bitfile(folder / "bitfile", Network.load(folder / "driver"), board, clock_mhz)
        environment = {
            **os.environ,
            "BOARD": board.name,
            "QAPFLOW_SIMULATION": str(compiled),
            "QAPFLOW_SEED": str(seed),
            "QAPFLOW_TRAFFIC": json.dumps(traffic or {}),
            "QAPFLOW_LOCK": str(Path(temporary) / "lock"),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
        }

        def run(script: Path | str, *arguments: str, **options) -> subprocess.CompletedProcess:
            command = [str(python), "-m", "deploy.simulated_board.run", str(folder / "driver" / script), *map(str, arguments)]
            return subprocess.run(command, cwd=folder / "driver", env=environment, **options)

        run.folder, run.environment = folder, environment
        yield run
