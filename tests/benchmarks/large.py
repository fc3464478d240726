"""What networks of FINN's sizes take from the file to simulated hardware: time and memory of whole builds, on the boards' parts.

    nice -n 5 python -m tests.benchmarks.large                    those that are not on disk yet; an hour or two
    nice -n 5 python -m tests.benchmarks.large --only lfc_2w2a    these
    python -m tests.benchmarks.large --page-only                  the section again, nothing built

The cases are those of tests/end2end/test_large_networks.py, each built by `build` with empty caches. Every summary is kept under
build/benchmarks/large as soon as it is there (--again builds anew). Writes the section "Large networks" of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import date
from pathlib import Path

import onnx
import psutil

from finn_steps.tools.files import write_atomically
from finn_steps.tools.processes import cores, run_child
from tests.benchmarks.networks import ROOT
from tests.benchmarks.page import Bar, Section, at_most, with_section
from tests.large_nets import CASES, MEMORY_MB, NETS, PYNQ, SAMPLES, faults, large_net

PAGE, KEPT, TITLE = ROOT / "docs" / "benchmarks.md", ROOT / "build" / "benchmarks" / "large", "Large networks"
BOARDS = {part: "7020" if part == PYNQ else "ZCU104" for _, part, _ in CASES}
STEPS = ("import_qonnx", "hold_to_original", "choose_folding", "generate_rtl", "compile_simulation", "verify_rtl")
Case = tuple[str, str, int]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=NETS, help="this network only; may be repeated")
    parser.add_argument("--again", action="store_true", help="build anew what is there already")
    parser.add_argument("--page-only", action="store_true", help="build nothing")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which a build is given up (default: %(default)s)")
    told = parser.parse_args(arguments)
    for case in [] if told.page_only else [case for case in CASES if case[0] in (told.only or NETS)]:
        if told.again or not place(case).is_file():
            write_atomically(place(case), json.dumps(built(case, told.limit)).encode())
            print(case, kept(case)["time_s"]["total"], "s", flush=True)
        write_atomically(PAGE, with_section(PAGE.read_text(), section()).encode())
    write_atomically(PAGE, with_section(PAGE.read_text(), section()).encode())


def place(case: Case) -> Path:
    KEPT.mkdir(parents=True, exist_ok=True)
    return KEPT / f"{case[0]}-{BOARDS[case[1]]}.json"


def kept(case: Case) -> dict | None:
    """The build's summary, with seconds of CPU of it and all that it started ("cpu_s"), and on how many "cores"; None where there is none."""
    return json.loads(place(case).read_text()) if place(case).is_file() else None


def built(case: Case, limit: float) -> dict:
    """RuntimeError with its last line where the build fails, subprocess.TimeoutExpired where it takes longer."""
    name, part, target_ii = case
    with tempfile.TemporaryDirectory(prefix="qapflow-large-") as there:
        folder = Path(there)
        onnx.save(large_net(name), folder / "model.onnx")
        command = [sys.executable, "-m", "build_dataflow", "build", str(folder / "model.onnx"), "--output", str(folder / "out"), "--part", part,
                   "--target-ii", str(target_ii), "--samples", str(SAMPLES), "--no-synthesis", "--no-proof"]
        before = psutil.Process().cpu_times()
        done = run_child(command, limit, cwd=ROOT, env={**os.environ, "QAPFLOW_CACHE": str(folder / "cache")})
        after = psutil.Process().cpu_times()
        if done.returncode:
            raise RuntimeError(f"{name} for {part}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return {**json.loads((folder / "out" / "report" / "summary.json").read_text()), "cpu_s": round(cpu, 1), "cores": cores()}


def section() -> Section:
    summaries = {case: kept(case) for case in CASES}
    text = f"""Written by `python -m tests.benchmarks.large`, on {date.today()}, a machine shared with other work. Random
weights in the shapes of FINN's examples ([large_nets.py](../tests/large_nets.py)): 490-256-256-256-12 of 3 bits with inputs of 8 (kwsmlp), and
784-1024-1024-1024-10 of 1 and 2 bits (lfc), dense or with 90 % zeros. Each is built by `build` with empty caches, the tuner choosing foldings
for the rate, and {SAMPLES} random inputs go through the RTL back to back, and under gaps and stalls. LUT, FF and block RAMs (18 Kbit) are the
cost model's. Memory is the most that the build and all that it started had at once."""
    columns = ("network", "board", "II asked", "II", "weights", "nonzeros", "LUT", "FF", "BRAM18", "equal", "build s", "cores", "CPU s",
               "peak MB", *(f"{step} s" for step in STEPS))
    rows = [row(case, summary) for case, summary in summaries.items() if summary]
    memory = {f"{case[0]}, {BOARDS[case[1]]}": summary and float(summary["memory_mb"]["peak"]) for case, summary in summaries.items()}
    wrong = [f"{case[0]}, {BOARDS[case[1]]}: {', '.join(found)}" for case, summary in summaries.items()
             if summary and (found := faults(summary, *case[1:]))]
    bars = [
        Bar("large networks", "build end to end, exact, at the rate, on the part",
            f"{len(rows) - len(wrong)} of {len(CASES)}", None if len(rows) < len(CASES) and not wrong else not wrong, "; ".join(wrong)),
        at_most("large networks", f"memory of the whole build at most {MEMORY_MB:,} MB", memory, MEMORY_MB, 0),
    ]
    return Section(TITLE, text, columns, rows, bars)


def row(case: Case, summary: dict) -> tuple[str, ...]:
    verification, estimate, seconds = summary["verification"], summary["estimate"], summary["time_s"]
    counts = (summary["hardware"]["ii_cycles"], summary["model"]["weights"], sum(layer["nonzeros"] for layer in summary["hardware"]["layers"]),
              estimate["lut"], estimate["ff"], estimate["bram"])
    equal = f"{verification['rtl_samples'] - verification['mismatches']} of {verification['samples']}"
    times = (seconds["total"], summary["cores"], summary["cpu_s"])
    steps = (seconds["steps"][f"step_{step}"] for step in STEPS)
    return (case[0], BOARDS[case[1]], f"{case[2]:,}", *(f"{count:,.0f}" for count in counts), equal, *(f"{second:,.0f}" for second in times),
            f"{summary['memory_mb']['peak']:,}", *(f"{second:,.1f}" for second in steps))


if __name__ == "__main__":
    main()
