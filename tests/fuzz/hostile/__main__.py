"""Hostile inputs as a command: `python -m tests.fuzz.hostile --inputs 10000 --seed 0 [--kind onnx] [--log FILE]`.

Each is read in a child that is watched: 60 s of CPU, 2 GB. With --log, what is known already is not read again, so that a long run may be cut
into pieces. Prints each fault, and a table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from queue import Empty, Queue

import psutil

from tests.fuzz.hostile.files import KINDS, OPTIONAL
from tests.fuzz.hostile.reading import CLEAN

SECONDS, MB = 60.0, 2048
PATIENCE, MOST_MB, DEAF = 90.0, 3000, 900.0
"""When a child is ended (seconds of CPU, and of the clock): room for the making of the input and for the judge of accepted networks."""


class Child:
    """A worker; `ask(seed)` gives what it says, or how it ended."""

    def __init__(self, kind: str | None):
        command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.hostile.worker", *([kind] if kind else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.lines: Queue = Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, seed: int) -> dict:
        self.process.stdin.write(f"{seed}\n")
        self.process.stdin.flush()
        started, known = (time.monotonic(), self._cpu()), {"seed": seed, "kind": "?", "told": ""}
        while True:
            try:
                line = self.lines.get(timeout=0.2)
            except Empty:
                line = None
            if line == "":
                return {**known, "found": "died", "detail": f"exit status {self.process.wait()}", "s": 0, "mb": 0}
            if line is not None:
                known = json.loads(line)
                if "found" in known:
                    return known
            elif (reason := self._over(started)) is not None:
                self.end()
                return {**known, "found": reason, "detail": "", "s": PATIENCE, "mb": MOST_MB}

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def _cpu(self) -> float:
        try:
            return sum(psutil.Process(self.process.pid).cpu_times()[:2])
        except psutil.Error:
            return 0.0

    def _over(self, started: tuple[float, float]) -> str | None:
        if self._cpu() - started[1] > PATIENCE or time.monotonic() - started[0] > DEAF:
            return "hung"
        try:
            return "memory" if psutil.Process(self.process.pid).memory_info().rss > MOST_MB * 2**20 else None
        except psutil.Error:
            return None

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")


def results(seeds, kind: str | None):
    """Of each seed in turn, children being replaced as they end."""
    child = None
    for seed in seeds:
        child = child or Child(kind)
        result = child.ask(seed)
        if result["found"] in CLEAN and (result["s"] > SECONDS or result["mb"] > MB):
            result |= {"found": "too much", "detail": f"{result['s']} s, {result['mb']} MB; {result['found']}: {result['detail']}"}
        yield result
        if child.process.poll() is not None:
            child = None
    if child:
        child.end()


def table(told: list[dict]) -> str:
    lines = ["| kind | inputs | refused | accepted | faults | most CPU, s | most memory, MB |", "|---|---|---|---|---|---|---|"]
    groups = defaultdict(list)
    for result in told:
        groups[result["kind"]].append(result)
    for name, of in [*sorted(groups.items()), ("all", told)]:
        counts = [sum(r["found"] == found for r in of) for found in CLEAN]
        lines.append(f"| {name} | {len(of):,} | {counts[0]:,} | {counts[1]:,} | {len(of) - sum(counts):,} | "
                     f"{max((r['s'] for r in of), default=0):.1f} | {max((r['mb'] for r in of), default=0):,} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.hostile", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first input's; the others follow")
    parser.add_argument("--kind", choices=KINDS + OPTIONAL, help="of this kind only; keras needs requirements/hgq2.txt")
    parser.add_argument("--log", type=Path, help="a file of JSON lines: what is there is not read again")
    options = parser.parse_args(arguments)
    known = [json.loads(line) for line in options.log.read_text().splitlines()] if options.log and options.log.is_file() else []
    done, told = {result["seed"] for result in known}, known
    wanted = [seed for seed in range(options.seed, options.seed + options.inputs) if seed not in done]
    for result in results(wanted, options.kind):
        told.append(result)
        if options.log:
            with options.log.open("a") as log:
                log.write(json.dumps(result) + "\n")
        if result["found"] not in CLEAN:
            print(f"{result['kind']} {result['seed']}: {result['found']}: {result['detail']}\n    {result['told']}", flush=True)
    print(table(told))
    return int(any(result["found"] not in CLEAN for result in told))


if __name__ == "__main__":
    sys.exit(main())
