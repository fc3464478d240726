"""`measure` as the builder's command line runs it: on the simulated board, or on a real one across the network."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

from deploy.environment import board_python
from deploy.plot import draw
from deploy.shell.boards import find_board
from deploy.shell.settings import clock_of
from deploy.simulate import simulated_board
from deploy.ssh import run_on_board

PYNQ_PORT = 7967


def measure_simulated(folder: Path, board: str, clock_mhz: float | None, largest: int | None, output: Path, say) -> None:
    """Measure a build's package on the simulated board into output/measure.json and .png. RuntimeError where that fails.

    clock_mhz  by default what the package's settings for Vivado say"""
    place = Path(os.environ.get("QAPFLOW_CACHE") or Path.home() / ".cache" / "qapflow").expanduser() / "simulated_board"
    chosen, package = find_board(board), package_of(folder)
    clock_mhz = chosen.clock(clock_mhz or clock_of((package / "shell" / f"{chosen.name}.tcl").read_text()))
    with simulated_board(package, chosen, clock_mhz, place, say=say) as run:
        require_success(run("measure.py", *options(largest, output)))


def measure_remotely(folder: Path, host: str, largest: int | None, output: Path, say) -> None:
    """Measure on the board at `host`: by PYNQ's remote device where one answers, else by ssh."""
    package = package_of(folder)
    if not any((package / "bitfile").glob("*.bit")):
        raise FileNotFoundError(
            f"{package / 'bitfile'}: no bitstream; make one with `build {folder.name} --bitstream` where Vivado is"
        )
    address = host.rpartition("@")[2]
    if answers(address, PYNQ_PORT):
        say(f"{address} answers as a PYNQ remote device")
        environment = {**os.environ, "PYNQ_REMOTE_DEVICES": address, "PYTHONPATH": ""}
        command = [str(board_python(say)), "measure.py", *options(largest, output), "--timeout", "60"]
        require_success(subprocess.run(command, cwd=package / "driver", env=environment))
    else:
        run_on_board(
            host,
            package,
            ["measure.py", *largest_option(largest), "--json", "../measure.json"],
            [],
            ["measure.json"],
            output,
            say,
        )
        draw(json.loads((output / "measure.json").read_text()), output / "measure.png")


def package_of(folder: Path) -> Path:
    """The deploy folder of a build; FileNotFoundError where it was not packaged."""
    if not (folder / "deploy" / "driver" / "package.json").is_file():
        raise FileNotFoundError(f"{folder}/deploy: no package here; make one with `build {folder.name}`")
    return folder / "deploy"


def largest_option(largest: int | None) -> list[str]:
    return [] if largest is None else ["--largest", str(largest)]


def options(largest: int | None, output: Path) -> list[str]:
    return [
        *largest_option(largest),
        "--json",
        str(output.resolve() / "measure.json"),
        "--plot",
        str(output.resolve() / "measure.png"),
    ]


def require_success(done: subprocess.CompletedProcess) -> None:
    """measure.py has said what it had to say; its failure is the command's."""
    if done.returncode:
        raise RuntimeError("the measurement failed (see above)")


def answers(address: str, port: int) -> bool:
    """Whether a TCP port accepts a connection."""
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False
