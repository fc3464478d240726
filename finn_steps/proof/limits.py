"""Where a proof ends without one."""

from __future__ import annotations

import time


class NotUnderstood(Exception):
    """The checker cannot follow the design here; the text says where and why."""


class Deadline:
    """So many seconds of CPU time from now on."""

    def __init__(self, seconds: float):
        self.seconds, self.end = seconds, time.process_time() + seconds

    @property
    def half_over(self) -> bool:
        return time.process_time() > self.end - self.seconds / 2

    def check(self) -> None:
        if time.process_time() > self.end:
            raise NotUnderstood(f"too large: not done within {self.seconds:g} s of CPU time")
