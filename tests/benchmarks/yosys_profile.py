"""Where Yosys' time goes: seconds and memory of every part of its script for a large design, flattening and abc by themselves.

    nice -n 10 python -m tests.benchmarks.yosys_profile                                  TFC_2W2A, unrolled
    nice -n 10 python -m tests.benchmarks.yosys_profile "784-256-256-10" --style folded

The script is the one of finn_steps/synthesis (out of context, 7 series), run label by label in one process. Nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from finn_steps.folding.cost import estimate
from finn_steps.rtl.design import Design
from finn_steps.rtl.generate import generate
from finn_steps.synthesis.yosys import commands, count
from tests.benchmarks.by_layer import STYLES, folded
from tests.benchmarks.networks import makers, network
from tests.benchmarks.page import markdown_table

LABELS = ("begin", "prepare", "map_dsp", "coarse", "map_memory", "map_ffram", "fine", "map_cells", "map_ffs", "map_luts", "finalize", "check")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="TFC_2W2A", choices=list(makers()), metavar="NETWORK")
    parser.add_argument("--style", choices=STYLES, default="unrolled")
    told = parser.parse_args()
    accelerator = folded(network(told.network)[1], told.style)
    print(f"{told.network}, {told.style}: {estimate(accelerator).lut:,} LUT by the estimate", flush=True)
    with tempfile.TemporaryDirectory(prefix="qapflow-profile-") as name:
        design = generate(accelerator, Path(name))
        done = subprocess.run([sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.benchmarks.yosys_profile", "--child", name],
                              capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"error: Yosys: {done.stderr.strip().splitlines()[-1]}")
        rows = json.loads(done.stdout.splitlines()[-1])
        result = count(json.loads((design.folder / "stat.json").read_text())["design"]["num_cells_by_type"], 0)
    print(f"{result.lut:,} LUT, {result.ff:,} FF, {sum(seconds for _, seconds, _ in rows):.0f} s of CPU")
    print(markdown_table(("part", "CPU s", "peak MB so far"), [(part, f"{seconds:.1f}", f"{memory:,.0f}") for part, seconds, memory in rows]))


def child(folder: str) -> None:
    """The whole script, a label at a time; prints [(label, seconds of this process and its children, MB)] as its last line."""
    import os

    from pyosys import libyosys

    os.chdir(folder)
    *reads, hierarchy, tables, whole = commands(list(Design.load(folder).files), "xc7", False, "finn_accel")[:-3]
    yosys, rows = libyosys.Design(), []
    labels = [(label, [f"{whole} -run {label}:{after}"]) for label, after in zip(LABELS, (*LABELS[1:], "edif"))]
    parts = [("read", [*reads, hierarchy]), ("tables", [tables]), ("proc", ["proc"]), ("flatten", ["flatten"]), *labels]
    for label, lines in parts:
        before, begun = spent(), time.monotonic()
        for line in lines:
            libyosys.run_pass(line, yosys)
        own, others = (after - sooner for after, sooner in zip(spent(), before))
        memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
        rows.append((label, own, memory))
        if others > 0.05:
            rows.append((f"{label}: abc", others, memory))
        print(f"{label}: {time.monotonic() - begun:.1f} s by the clock", file=sys.stderr, flush=True)
    libyosys.run_pass("tee -q -o stat.json stat -json", yosys)
    print("\n" + json.dumps(rows))


def spent() -> tuple[float, float]:
    """Seconds of CPU: of this process, and of abc, which Yosys starts."""
    return tuple(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


if __name__ == "__main__":
    child(sys.argv[2]) if sys.argv[1:2] == ["--child"] else main()
