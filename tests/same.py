"""Whether two designs do the same, proved by Yosys: from equal registers and memories, under equal inputs, they come to equal ones and
to equal outputs, registers of one name taken together."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from finn_steps.rtl.design import Design
from tests.mapped import run_passes

SECONDS = 300


def as_one_module(rtl: Path, name: str, target: Path, library: Path | None = None) -> None:
    """Write a design as one module `name` of word-level cells, its memories as registers. library: of cells that it is made of."""
    design = Design.load(rtl)
    script = [*(f'read_verilog -sv -defer "{file}"' for file in (*([library] if library else []), *design.files)),
              f"hierarchy -check -top {design.top}", "proc", "flatten", "opt_expr", "opt_clean", "memory -nordff -nomap", "memory_map",
              "async2sync", "dffunmap", "opt_clean", f"rename {design.top} {name}", f'write_rtlil "{target}"']
    run_passes(script, rtl)


def does_the_same(first: Path, second: Path, seconds: float = SECONDS) -> bool:
    """Of two RTL folders with the same ports. False where it is not proved in that time."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for number, rtl in enumerate((first, second)):
            as_one_module(rtl, f"d{number}", place / f"d{number}.il")
        script = ["read_rtlil d0.il", "read_rtlil d1.il", "equiv_make d0 d1 both", "hierarchy -top both", "opt_clean",
                  "equiv_simple -undef", "equiv_induct -undef", "equiv_status -assert"]
        try:
            run_passes(script, place, seconds)
        except (RuntimeError, subprocess.TimeoutExpired):
            return False
        return True
