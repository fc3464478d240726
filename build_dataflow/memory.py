"""How much memory a piece of work takes: this process and all that it starts."""

from __future__ import annotations

import resource
import threading
from contextlib import suppress
from pathlib import Path

import psutil

EVERY_S = 0.5
RESET_PEAK = "5"
"""Into /proc/self/clear_refs: the kernel's peak of this process (VmHWM) begins anew."""


class PeakMemory:
    """`with PeakMemory() as peak:` — afterwards `peak.mb` is the greatest resident memory, in MB of 2^20 bytes, that this process and
    its children had together. This process's own peak is the kernel's, and exact; the sum is looked at every EVERY_S, and of a child
    that came and went in between at least its own peak counts."""

    def __enter__(self) -> PeakMemory:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text(RESET_PEAK)
        self._children, self._most, self._ended = largest_child(), 0, threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._sampler.join()
        child = largest_child()
        self._most = max(self._most, own_peak(), child if child > self._children else 0)

    @property
    def mb(self) -> int:
        return round(self._most / 2**20)

    def _sample(self) -> None:
        this = psutil.Process()
        while not self._ended.wait(EVERY_S):
            self._most = max(self._most, sum(resident(process) for process in [this, *children(this)]))


def children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def resident(process: psutil.Process) -> int:
    """Bytes; 0 for one that has ended meanwhile."""
    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def own_peak() -> int:
    """Bytes that this process had at most since its peak was reset; 0 where the kernel does not say."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 0


def largest_child() -> int:
    """Bytes that the largest child had that ever ended."""
    return 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
