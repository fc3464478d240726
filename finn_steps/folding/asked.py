"""What a user asks for in time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """What is asked for in time: a period range in ns, at most `latency_ns` from input to answer, at least `fps` inferences a
    second, at most `ii` cycles between two. None: no matter."""

    clock_ns: tuple[float, float] = (0.0, float("inf"))
    latency_ns: float | None = None
    fps: float | None = None
    ii: int | None = None

    def target_ii(self, period: float) -> int | None:
        """Cycles between two inferences at this period; None without a rate, 0 where none is enough."""
        found = [self.ii] if self.ii is not None else []
        if self.fps is not None:
            found.append(int(1e9 / (self.fps * period)))
        return min(found, default=None)

    def latency(self, period: float) -> int | None:
        return None if self.latency_ns is None else int(self.latency_ns / period + 1e-9)

    def __str__(self) -> str:
        parts = [f"{self.latency_ns:g} ns of latency" if self.latency_ns is not None else "",
                 f"{self.fps:,.10g} inferences a second" if self.fps is not None else "",
                 f"one inference in {self.ii} cycles" if self.ii is not None else ""]
        return " and ".join(part for part in parts if part)
