"""What deploy/ starts ends with it: the simulated board's compilers, one or many at once, and Vivado."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.children import run_child

ROOT = Path(__file__).parents[2]
SLEEPER = """#!/bin/sh
sleep 300 &
echo $! > below.$$ && mv below.$$ pids/$$
wait
"""
PARENT = """
import sys
from pathlib import Path
from build_dataflow.cli import sigterm_as_exit
from deploy.simulated_board import build
with sigterm_as_exit():
    {call}
"""
CALLS = {
    "one unit": "build._gxx(['-c', 'all.cpp'], Path.cwd())",
    "units side by side": "build.compile_apart(['one.cpp', 'two.cpp', 'three.cpp'], Path.cwd())",
}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def pids(folder: Path) -> list[int]:
    """Of the stand-ins for g++ and of what they started."""
    return [int(number) for path in (folder / "pids").iterdir() for number in (path.name, path.read_text())]


@pytest.mark.parametrize("call", CALLS)
def test_sigterm_ends_the_compilers(tmp_path, call):
    (tmp_path / "pids").mkdir()
    gxx = tmp_path / "g++"
    gxx.write_text(SLEEPER)
    gxx.chmod(gxx.stat().st_mode | stat.S_IEXEC)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(call=CALLS[call])], cwd=tmp_path, env=environment)
    at_once = 1 if call == "one unit" else min(3, os.cpu_count())
    wait_for(lambda: len(pids(tmp_path)) >= 2 * at_once)
    started = pids(tmp_path)
    assert all(map(alive, started))
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(20) == 128 + signal.SIGTERM
    wait_for(lambda: not any(map(alive, started)))
    assert pids(tmp_path) == started, "nothing was started after the signal"


def test_output_and_exit_code_are_the_programs():
    done = run_child(["sh", "-c", "cat; echo err >&2; exit 3"], "in\n", cwd="/")
    assert (done.returncode, done.stdout, done.stderr) == (3, "in\n", "err\n")
