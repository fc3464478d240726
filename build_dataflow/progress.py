"""What a person sees of a running build: one line a step, with its time."""

from __future__ import annotations

import time
from contextlib import contextmanager

from rich.console import Console

from finn_steps.progress import listening


class Progress:
    """Prints to stderr, so that --json on stdout stays clean. `detail` replaces the running step's small print."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}
        self._status = None
        self._step = ""

    @contextmanager
    def step(self, name: str):
        """Time one step; its line appears when it ends, a spinner until then where stderr is a terminal."""
        self._step, started = name, time.monotonic()
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
        if self._status is not None:
            self._status.update(f"{self._step}: {text}")
