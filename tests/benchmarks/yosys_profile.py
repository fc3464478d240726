"""Where Yosys' time goes: seconds and memory of every part of its script for a large design, flattening and abc by themselves.

    nice -n 10 python -m tests.benchmarks.yosys_profile                                  TFC_2W2A, unrolled
    nice -n 10 python -m tests.benchmarks.yosys_profile "784-256-256-10" --style folded
    nice -n 10 python -m tests.benchmarks.yosys_profile --page                           and the section of docs/benchmarks.md

The script is the one of finn_steps/synthesis (out of context, 7 series), run label by label in one process. Nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from finn_steps.folding.cost import estimate
from finn_steps.rtl.design import Design
from finn_steps.rtl.generate import generate
from finn_steps.synthesis.yosys import SynthesisResult, commands, count, version
from finn_steps.tools.files import write_atomically
from tests.benchmarks.by_layer import STYLES, folded
from tests.benchmarks.networks import ROOT, makers, network
from tests.benchmarks.page import Section, markdown_table, with_section

PAGE, TITLE = ROOT / "docs" / "benchmarks.md", "Where Yosys' time goes"
COLUMNS = ("part", "CPU s", "peak MB so far")

LABELS = ("begin", "prepare", "map_dsp", "coarse", "map_memory", "map_ffram", "fine", "map_cells", "map_ffs", "map_luts", "finalize", "check")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="TFC_2W2A", choices=list(makers()), metavar="NETWORK")
    parser.add_argument("--style", choices=STYLES, default="unrolled")
    parser.add_argument("--page", action="store_true", help="write the section of docs/benchmarks.md too")
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
    found = section(told.network, told.style, result, rows)
    print(found.text, "", markdown_table(COLUMNS, found.rows), sep="\n")
    if told.page:
        write_atomically(PAGE, with_section(PAGE.read_text(), found).encode())


def section(name: str, style: str, result: SynthesisResult, rows: list[tuple[str, float, float]]) -> Section:
    """rows: (part, seconds of CPU, MB)."""
    text = f"""Written by `python -m tests.benchmarks.yosys_profile --page`, on {date.today()}, {os.cpu_count()} cores shared with other work:
{name}, {style}, {version()}, 7 series, label by label of the script that counts a build's cells. {result.lut:,} LUT, {result.ff:,} FF,
{sum(seconds for _, seconds, _ in rows):.0f} s of CPU. Abc by itself, where a label runs it."""
    return Section(TITLE, text, COLUMNS, [(part, f"{seconds:.1f}", f"{memory:,.0f}") for part, seconds, memory in rows], [])


def child(folder: str) -> None:
    """The whole script, a label at a time; prints [(label, seconds of this process and its children, MB)] as its last line."""
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
