"""What a person sees of a running build: one line a step, with its time."""

from __future__ import annotations

import time
from contextlib import contextmanager

from rich.console import Console

from finn_steps.tools.progress import listening

QUIET_S = 30.0
"""Without a terminal, a running step's small print is a line at most this often, in seconds."""


class Progress:
    """Prints to stderr, so that --json on stdout stays clean. `detail` replaces the running step's small print."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}
        self._status = None
        self._step = ""
        self._told = 0.0

    @contextmanager
    def step(self, name: str):
        """Time one step; its line appears when it ends, a spinner until then where stderr is a terminal."""
        self._step, started = name, time.monotonic()
        self._told = started
        with listening(self.detail), self.console.status(name) as self._status:
            try:
                yield self
            except BaseException:
                self.console.print(f"  [red]failed[/red]  {name}")
                raise
            finally:
                self._status = None
        self.seconds[name] = round(time.monotonic() - started, 2)
        self.console.print(f"{self.seconds[name]:7.1f} s  {name}")

    def detail(self, text: str) -> None:
        if self._status is None:
            return
        self._status.update(f"{self._step}: {text}")
        if not self.console.is_terminal and time.monotonic() - self._told >= QUIET_S:
            self._told = time.monotonic()
            self.console.print(f"           {self._step}: {text}", soft_wrap=True)
