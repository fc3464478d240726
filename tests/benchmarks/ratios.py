"""What builds take beside an earlier commit: both run in turns on this machine, with empty caches.

    nice -n 5 python -m tests.benchmarks.ratios                       every case once
    nice -n 5 python -m tests.benchmarks.ratios --only jet_qap --turns 3
    python -m tests.benchmarks.ratios --limit 600                     seconds after which a build is given up
    python -m tests.benchmarks.ratios --here=--no-proof               an option for this side alone: d0bdb72 proves nothing

The earlier commit is checked out by `git worktree` under build/ratios and runs in the same Python. CPU seconds are those of the build
and of all that it started; of several turns the least counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from finn_steps.tools.processes import run_child
from tests.benchmarks.networks import ROOT, SHARED
from tests.benchmarks.page import markdown_table, number
from tests.benchmarks.quantised import int8_file

BEFORE = "d0bdb72"
FOLDER = ROOT / "build" / "ratios"


@dataclass(frozen=True)
class Case:
    """`target`: given a folder, what `build` takes; `step`: the step alone whose seconds count; `bar`: the ratio wanted."""

    name: str
    target: Callable[[Path], str]
    options: tuple[str, ...]
    bar: float
    step: str | None = None


def int8_network(folder: Path) -> str:
    """16-32-5, dense, quantised by onnxruntime to 8 bits, weights and activations."""
    return str(int8_file(folder))


CASES = {
    "int8": Case("8-bit 16-32-5, whole build without synthesis", int8_network, ("--no-synthesis",), 0.25),
    "jet_qap": Case("jet_qap, whole build with empty caches", lambda folder: "jet_qap", (), 0.6),
    "folding": Case("choosing foldings, 12-bit-input jets at II 64", lambda folder: str(SHARED.parent / "cases/import/input_12bit_jets.onnx"),
                    ("--target-ii", "64", "--no-synthesis"), 0.1, "step_choose_folding"),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=CASES, help="this case only; may be repeated")
    parser.add_argument("--turns", type=int, default=1, help="builds of each side (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=1200, help="seconds of one build (default: %(default)s)")
    parser.add_argument("--here", action="append", default=[], metavar="OPTION", help="an option of `build` here alone; may be repeated")
    told = parser.parse_args(arguments)
    sides = {BEFORE: worktree(BEFORE), "here": ROOT}
    rows = [row(CASES[name], measured(CASES[name], sides, told)) for name in told.only or CASES]
    print(markdown_table(("case", f"{BEFORE}: s, CPU s", "here: s, CPU s", "ratio", "ratio of CPU", "wanted"), rows))


def worktree(commit: str) -> Path:
    """The commit checked out beside the results."""
    folder = FOLDER / commit
    if not folder.is_dir():
        done = run_child(["git", "worktree", "add", "--detach", folder, commit], cwd=ROOT)
        if done.returncode:
            raise SystemExit(f"error: no worktree of {commit}: {done.stderr.strip().splitlines()[-1]}")
    return folder


def measured(case: Case, sides: dict[str, Path], told: argparse.Namespace) -> dict[str, list[dict]]:
    """Every side's builds, in turns."""
    found: dict[str, list[dict]] = {side: [] for side in sides}
    for _ in range(told.turns):
        for side, root in sides.items():
            found[side].append(built(case, root, told.limit, told.here if root == ROOT else []))
            print(f"{case.name}, {side}: {found[side][-1]}", file=sys.stderr, flush=True)
    return found


def built(case: Case, root: Path, limit: float, more: list[str]) -> dict:
    """{"s", "cpu_s"} of one build, or of its step; of one that takes longer than the limit, the limit and {"over": True}."""
    with tempfile.TemporaryDirectory(prefix="qapflow-ratios-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "build_dataflow", "build", case.target(folder), "--output", str(folder / "out"), *case.options,
                   *more]
        environment = {**os.environ, "QAPFLOW_CACHE": str(folder / "cache"), "PYTHONPATH": str(root)}
        before, begun = psutil.Process().cpu_times(), time.monotonic()
        try:
            done = run_child(command, limit, cwd=root, env=environment)
        except subprocess.TimeoutExpired:
            return {"s": limit, "cpu_s": limit, "over": True}
        after, seconds = psutil.Process().cpu_times(), time.monotonic() - begun
        if done.returncode:
            raise RuntimeError(f"{case.name} in {root}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        steps = json.loads((folder / "out" / "report" / "summary.json").read_text())["time_s"]["steps"]
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"s": round(seconds, 1), "cpu_s": round(cpu, 1)} if case.step is None else {"s": steps[case.step], "cpu_s": None}


def row(case: Case, found: dict[str, list[dict]]) -> tuple[str, ...]:
    least = {side: {key: min((run[key] for run in runs), default=None) if runs[0][key] is not None else None for key in ("s", "cpu_s")}
             for side, runs in found.items()}
    before, here = least.values()
    ratios = [number(here[key] / before[key], 2) if before[key] else "-" for key in ("s", "cpu_s")]
    cells = [f"{'over ' if any(run.get('over') for run in runs) else ''}{number(least[side]['s'], 1)}, {number(least[side]['cpu_s'], 1)}"
             for side, runs in found.items()]
    return case.name, *cells, *ratios, f"{case.bar}"


if __name__ == "__main__":
    main()
