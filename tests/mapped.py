"""The netlist of FPGA cells that Yosys makes of a design, as a design that can be simulated: with the cells as Yosys' library models them."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from finn_steps.rtl.design import Design
from finn_steps.synthesis.yosys import commands
from finn_steps.tools.processes import run_child

PASSES = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(line, d) for line in sys.argv[1:]]"


def cell_library() -> Path:
    """Yosys' simulation models of the cells of Xilinx parts."""
    return Path(find_spec("pyosys").submodule_search_locations[0]) / "share" / "xilinx" / "cells_sim.v"


def run_passes(script: list[str], folder: Path, timeout: float | None = None) -> str:
    """What Yosys prints of some commands, in a process of its own. RuntimeError with its last lines where it fails."""
    done = run_child([sys.executable, "-c", PASSES, *script], timeout, cwd=folder)
    if done.returncode:
        raise RuntimeError("\n".join((done.stdout + done.stderr).splitlines()[-5:]))
    return done.stdout


def mapped_design(rtl: Path, folder: Path, family: str, strict: bool = False) -> Design:
    """The design after the commands that count its cells, in `folder`, with the same streams."""
    design = Design.load(rtl)
    shutil.copytree(rtl, folder)
    counting = commands(list(design.files), family, strict, design.top)
    last = next(place for place, line in enumerate(counting) if line.startswith("synth_xilinx"))
    run_passes([*counting[: last + 1], "write_verilog -noattr mapped.v"], folder)
    for name in design.files:
        (folder / name).unlink()
    shutil.copy(cell_library(), folder / "cells_sim.v")
    mapped = replace(design, folder=folder, files=("cells_sim.v", "mapped.v"), memories=())
    mapped.save()
    return mapped


def as_configured(netlist: Design) -> None:
    """Registers and LUT memories whose beginning Yosys leaves open (INIT x) begin in mapped.v as the library says of their cells: FDRE and
    memories with 0, FDSE with 1."""
    path = netlist.folder / "mapped.v"
    path.write_text(re.sub(r"\.INIT(_[A-H])?\(\d+'hx+\),?\s*", "", path.read_text()))
