"""Programs that are started by a build and end with it: on an error, Ctrl-C, SIGTERM, and even SIGKILL of the build."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

GUARD = 'exec 3<&0 </dev/null; (read _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-'
"""A shell that becomes the program, and leaves a guard in its process group. The guard reads a pipe whose other end only we hold: when
we are gone, however that came, it reads the end and kills the group with all that the program started."""

_running: set[int] = set()
_lock = threading.Lock()
_cores, _taken = threading.Condition(), [0]
"""How many programs run, each of which takes a core; _cores guards it."""


def run_child(command: Sequence[str | os.PathLike], timeout: float | None = None, text: bool = True, waits: bool = False,
              **options) -> subprocess.CompletedProcess:
    """subprocess.run with its output captured, for a program that must not outlive this process; its input is empty.

    timeout  seconds after which the program and all that it started are killed, and subprocess.TimeoutExpired is raised
    text     whether its output is str; else bytes
    waits    whether it starts only when a core is free of programs: what takes longest should not wait, nor share its core with others
    options  cwd and env, as subprocess.Popen takes them
    """
    with _core(waits):
        return _run([os.fspath(part) for part in command], timeout, text, options)


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


@contextmanager
def _core(waits: bool) -> Iterator[None]:
    with _cores:
        if waits:
            _cores.wait_for(lambda: _taken[0] < cores())
        _taken[0] += 1
    try:
        yield
    finally:
        with _cores:
            _taken[0] -= 1
            _cores.notify()


def _run(command: list[str], timeout: float | None, text: bool, options: dict) -> subprocess.CompletedProcess:
    for_guard, ours = os.pipe()
    try:
        process = subprocess.Popen(["/bin/sh", "-c", GUARD, "sh", *command], stdin=for_guard, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=text, start_new_session=True, **options)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(for_guard)
    with process, _group(process.pid, ours):
        out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@contextmanager
def side_by_side(workers: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads for run_child; leaving it by an exception (Ctrl-C in the middle) ends what they run."""
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield pool
        except BaseException:
            ended = threading.Event()
            threading.Thread(target=_end_children_until, args=(ended,), daemon=True).start()
            pool.shutdown(wait=True, cancel_futures=True)
            ended.set()
            raise


def end_children() -> None:
    """Kill every program that run_child runs now, in whatever thread."""
    with _lock:
        groups = list(_running)
    for group in groups:
        _kill(group)


def _end_children_until(ended: threading.Event) -> None:
    """Those too that a thread of the pool was about to start."""
    while True:
        end_children()
        if ended.wait(0.05):
            return


@contextmanager
def _group(group: int, ours: int) -> Iterator[None]:
    """The time in which a program runs; its guard ends with it, and whatever it left behind."""
    with _lock:
        _running.add(group)
    try:
        yield
    finally:
        with _lock:
            _running.discard(group)
        _kill(group)
        os.close(ours)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
