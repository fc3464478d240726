"""Whether two designs do the same, proved by Yosys: from equal registers and memories, under equal inputs, they come to equal ones and
to equal outputs, registers of one name taken together. Registers that may differ without an output that does (bits that nobody
reads any more) are found and left out; then it is told of designs that were equal for CYCLES cycles that they remain so."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from pathlib import Path

from finn_steps.rtl.design import Design
from tests.mapped import run_passes

SECONDS, ROUNDS, CYCLES = 300, 8, 8
OUTPUT = re.compile(r"wire (?:width \d+ )?output \d+ (\S+)")


def as_one_module(rtl: Path, name: str, target: Path, library: Path | None = None) -> None:
    """Write a design as one module `name` of word-level cells, its memories as registers. library: of cells that it is made of."""
    design = Design.load(rtl)
    script = [*(f'read_verilog -sv -defer "{file}"' for file in (*([library] if library else []), *design.files)),
              f"hierarchy -check -top {design.top}", "proc", "flatten", "opt_expr", "opt_clean", "memory -nordff -nomap", "memory_map",
              "async2sync", "dffunmap", "opt_clean", f"rename {design.top} {name}", f'write_rtlil "{target}"']
    run_passes(script, rtl)


def does_the_same(first: Path, second: Path, seconds: float = SECONDS, rounds: int = 1) -> bool:
    """Of two RTL folders with the same ports. False where it is not proved in that time. rounds: above 1, how often registers that may
    differ are left out and the others asked for again."""
    end, apart = time.monotonic() + seconds, set()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for number, rtl in enumerate((first, second)):
            as_one_module(rtl, f"d{number}", place / f"d{number}.il")
        outputs = set(OUTPUT.findall((place / "d0.il").read_text()))
        for _ in range(rounds):
            try:
                differing = _not_proved(place, apart, end - time.monotonic())
            except (RuntimeError, subprocess.TimeoutExpired):
                return False
            if not differing:
                return True
            if differing & outputs:
                return False
            apart |= differing
    return False


def _not_proved(place: Path, apart: set[str], seconds: float) -> set[str]:
    """Names of the registers and outputs that are not proved equal, those in `apart` not being asked for."""
    (place / "apart.txt").write_text("".join(f"{wire}\n" for wire in sorted(apart)))
    told = run_passes(["read_rtlil d0.il", "read_rtlil d1.il", "equiv_make -blacklist apart.txt d0 d1 both", "hierarchy -top both", "opt_clean",
                       "equiv_simple -undef", f"equiv_induct -undef -seq {CYCLES if apart else 4}", "equiv_status"], place, seconds)
    unproved = set(re.findall(r"Unproven \$equiv \S+ (\S+)_gold", told))
    if not unproved and "Equivalence successfully proven" not in told:
        raise RuntimeError("Yosys says of equivalence what is not known here")
    return unproved
