"""Compilers and Vivado end with whoever started them: on an error, Ctrl-C and SIGTERM.

deploy/ imports nothing of finn_steps/, whose processes.py does more: there programs may run in threads, and end after SIGKILL too.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence


def run_child(command: Sequence[str | os.PathLike], input: str | None = None, **options) -> subprocess.CompletedProcess:
    """subprocess.run with its output captured as text; an exception here, in the main thread, kills the program and all that it started."""
    options |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            out, err = process.communicate(input)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)
