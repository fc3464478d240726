"""Programs end with whoever started them, whatever ends that one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finn_steps.tools import processes
from finn_steps.tools.processes import run_child, side_by_side

ROOT = Path(__file__).parents[3]
PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so do their children
from finn_steps.tools.processes import run_child
run_child(["sh", "-c", "sleep 300 & echo $$ > pid; echo $! > pid_below; mv pid_below below; wait"])
"""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_output_and_exit_code_are_the_programs():
    done = run_child(["sh", "-c", "cat; echo out; echo err >&2; exit 3"])
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert run_child(["pwd"], cwd="/").stdout == "/\n"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_parent_ends(tmp_path, ending):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
                              stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "below").exists)
    children = [int((tmp_path / name).read_text()) for name in ("pid", "below")]
    assert all(map(alive, children))
    parent.send_signal(ending)
    parent.wait(20)
    wait_for(lambda: not any(map(alive, children)))


def test_a_program_that_takes_too_long_ends_with_all_that_it_started(tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        run_child(["sh", "-c", "sleep 300 & echo $! > below; wait"], timeout=0.5, cwd=tmp_path)
    wait_for(lambda: not alive(int((tmp_path / "below").read_text())))


def test_a_program_that_waits_starts_when_a_core_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "cores", lambda: 2)
    holding = ["sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; touch over"]
    with side_by_side() as pool:
        first = [pool.submit(run_child, holding, cwd=tmp_path) for _ in range(2)]
        wait_for(lambda: processes._taken[0] == 2)
        waiting = pool.submit(run_child, ["test", "-e", "over"], timeout=20, waits=True, cwd=tmp_path)
        assert run_child(["test", "-e", "over"], cwd=tmp_path).returncode == 1, "what does not wait begins at once"
        time.sleep(0.2)
        assert not waiting.done()
        (tmp_path / "go").touch()
        assert waiting.result().returncode == 0 and all(each.result().returncode == 0 for each in first)
    assert processes._taken[0] == 0


@pytest.mark.parametrize("others", [0, 1])
def test_an_error_beside_it_ends_a_program_and_those_that_wait(tmp_path, monkeypatch, others):
    monkeypatch.setattr(processes, "cores", lambda: 1)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), side_by_side(2) as pool:
        pool.submit(run_child, ["sh", "-c", "echo $$ > p; mv p pid; sleep 300"], cwd=tmp_path)
        wait_for((tmp_path / "pid").exists)
        for _ in range(others):
            pool.submit(run_child, ["sleep", "300"], waits=True)
        raise KeyboardInterrupt
    assert time.monotonic() - started < 100
    wait_for(lambda: not alive(int((tmp_path / "pid").read_text())))
