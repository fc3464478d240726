"""Millions of samples through the simulated accelerator of a finished build, under random gaps, stalls and resets in mid-stream.

    python -m tests.soak build/jet_qap --jets 10000000 --minutes 18

Each run of FRAMES samples has gaps and stalls of its own and is reset in mid-stream RESETS times; every answer after the last reset
is compared with Accelerator.execute. Samples are those of the data set, and in every fourth run any that the input datatype
allows. A mismatch is a differing integer, a loss a run that hung or broke the protocol: its samples count as
lost. Exit code 1 if there is either.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.rtlsim import Simulation
from models.data.samples import load_samples
from tests.nets import random_inputs

FRAMES, RESETS, WITHIN = 20_000, 4, 4_000
"""Of one run; its resets come within so many frames' time."""
SHARES = (0.0, 0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Soaked:
    """What went through, summed over runs: samples whose answers were compared, those that differ, those of runs that were lost,
    resets in mid-stream, cycles after the last of them."""

    samples: int = 0
    mismatches: int = 0
    lost: int = 0
    resets: int = 0
    cycles: int = 0

    def __add__(self, other: Soaked) -> Soaked:
        return Soaked(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def __str__(self) -> str:
        return (f"{self.samples:,} samples, {self.mismatches:,} mismatches, {self.lost:,} lost, {self.resets:,} resets in "
                f"mid-stream, {self.cycles:,} cycles")


def one_run(simulation: Simulation, accelerator: Accelerator, seen: np.ndarray, frames: int, seed: int) -> Soaked:
    """Run number `seed`: its samples, gaps, stalls and resets follow from that alone. seen int64 [N, MW]: inputs of the data set."""
    rng = np.random.default_rng(seed)
    drawn = random_inputs(rng, frames, accelerator.MW, accelerator.idt)
    x = drawn if seed % 4 == 3 else seen[rng.integers(0, len(seen), frames)]
    gaps, stalls = rng.choice(SHARES), rng.choice(SHARES)
    resets = tuple(sorted(int(cycle) for cycle in rng.integers(1, WITHIN * simulation.design.ii, RESETS)))
    try:
        trace = simulation.trace(x, gaps, stalls, seed, resets)
    except RuntimeError as error:
        print(f"run {seed} (gaps {gaps}, stalls {stalls}, resets {resets}): {error}", file=sys.stderr)
        return Soaked(lost=frames)
    wrong = int((trace.y != accelerator.execute(x)).any(axis=1).sum())
    if wrong:
        print(f"run {seed} (gaps {gaps}, stalls {stalls}, resets {resets}): {wrong} samples differ", file=sys.stderr)
    return Soaked(frames, wrong, 0, len(set(resets)), trace.cycles)


def soak(rtl: Path, accelerator: Accelerator, seen: np.ndarray, samples: int, seconds: float, seed: int = 0, jobs: int = 1,
         frames: int = FRAMES) -> Soaked:
    """Run after run until so many samples are through, or no further run may begin because the time is over."""
    simulation = Simulation.build(rtl, samples=samples)
    runs, end = -(-samples // frames), time.monotonic() + seconds

    def run(number: int) -> Soaked:
        return one_run(simulation, accelerator, seen, frames, seed + number) if time.monotonic() < end else Soaked()

    with ThreadPoolExecutor(jobs) as pool:
        return sum(pool.map(run, range(runs)), Soaked())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="folder of a finished build")
    parser.add_argument("--data", default="qapjets")
    parser.add_argument("--jets", type=int, default=10_000_000)
    parser.add_argument("--minutes", type=float, default=60, help="begin no run after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    accelerator = Accelerator.load(options.build)
    seen = accelerator.quantise(load_samples(options.data, all_rows=True).x)
    found = soak(options.build / "rtl", accelerator, seen, options.jets, 60 * options.minutes, options.seed, options.jobs)
    print(found)
    sys.exit(1 if found.mismatches or found.lost else 0)


if __name__ == "__main__":
    main()
