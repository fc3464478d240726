"""Counts of FPGA cells by Yosys, for a folder of RTL."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from finn_steps.tools.cache import cache_folder, cached, content_key
from finn_steps.tools.processes import run_child

FAMILIES = ("xcup", "xc7")
TABLES = Path(__file__).with_name("tables.v")
"""Makes LUTs of constant tables (rtl/pipeline.py) before synth_xilinx, which would unfold each by itself: a third of its time."""
MULTIPLIERS = "multiplier_group.sv"
"""DSP blocks are allowed to designs that have this module, whose products are asked to be in them."""
STRICT = "-nobram -nolutram -nosrl"
LUTRAM_LUTS = {
    "RAM32X1S": 1, "RAM32X1D": 2, "RAM64X1S": 1, "RAM64X1D": 2, "RAM128X1S": 2, "RAM128X1D": 4, "RAM256X1S": 4, "RAM256X1D": 8,
    "RAM512X1S": 8, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "SRL16": 1, "SRL16E": 1, "SRLC16": 1, "SRLC16E": 1,
    "SRLC32E": 1,
}
"""LUTs that a primitive in a SLICEM occupies (UG474 table 2-3, UG574)."""
BRAM_18K = {"RAMB18E1": 1, "RAMB36E1": 2, "RAMB18E2": 1, "RAMB36E2": 2}
DSPS = ("DSP48E1", "DSP48E2")


class SynthesisTimeout(RuntimeError):
    """Yosys was ended before it was done."""


@dataclass(frozen=True)
class SynthesisResult:
    """What a design takes. No place and route stands behind these counts.

    lut           LUTs, those used as memory and shift registers included
    ff            flip-flops
    carry         CARRY4 (Yosys emits them for UltraScale+ too)
    dsp           DSP48
    bram          block RAMs, in units of 18 Kbit
    lutram        LUTs used as memory and shift registers, a part of `lut`
    logic_levels  cells on the longest path between registers and ports. (`ltp -noff` does not know Xilinx flip-flops and goes
                  through them; they are taken out before `ltp` counts.)
    tool          name and version
    """

    lut: int
    ff: int
    carry: int
    dsp: int
    bram: int
    lutram: int
    logic_levels: int
    tool: str


def synthesise(folder: Path | str, family: str, strict: bool = False, top: str = "finn_accel",
               timeout: float | None = None) -> SynthesisResult:
    """Synthesise the files that `folder`/filelist.f names, out of context, flattened, without DSP but for
    folded layers of products "dsp".

    family  "xcup" (UltraScale+) or "xc7" (7 series)
    strict  no LUTRAM, shift-register LUT or block RAM either: everything becomes LUTs and flip-flops
    top     the top module
    timeout seconds after which Yosys is ended and SynthesisTimeout raised

    The result is kept by content under $QAPFLOW_CACHE/synthesis. RuntimeError with Yosys' first error line where it fails. Yosys ends
    with this process.
    """
    if family not in FAMILIES:
        raise ValueError(f"family '{family}' is none of {', '.join(FAMILIES)}")
    folder = Path(folder)
    files = [name for name in (folder / "filelist.f").read_text().split("\n") if name]
    contents = {name: (folder / name).read_bytes() for name in [*files, *sorted(path.name for path in folder.glob("*.mem"))]}
    script = commands(files, family, strict, top)
    asked = (Path(__file__).read_bytes(), TABLES.read_bytes(), version(), family, str(strict), top, *files)
    key = content_key(*asked, *(part for item in contents.items() for part in item))

    def run(workplace: Path) -> None:
        result = _run_yosys(script, contents, timeout)
        (workplace / "result.json").write_text(json.dumps(asdict(result)))

    kept = cached(cache_folder("synthesis"), key, run)
    return SynthesisResult(**json.loads((kept / "result.json").read_text()))


def commands(files: list[str], family: str, strict: bool, top: str) -> list[str]:
    """The Yosys commands of one synthesis."""
    options = ("" if MULTIPLIERS in files else " -nodsp") + (f" {STRICT}" if strict else "")
    return [
        *(f'read_verilog -sv -defer "{name}"' for name in files),
        f"hierarchy -check -top {top}",
        f'techmap -map "{TABLES}"',
        f"synth_xilinx -family {family} -top {top} -flatten -noiopad -noclkbuf{options}",
        "tee -q -o stat.json stat -json",
        "delete t:FD* t:SRL* t:RAMB* t:DSP*",
        "tee -q -o ltp.txt ltp",
    ]


def version() -> str:
    """The name and version of Yosys."""
    return f"yosys {importlib.metadata.version('pyosys')}"


def _run_yosys(script: list[str], contents: dict[str, bytes], timeout: float | None) -> SynthesisResult:
    """pyosys ends the process on an error, so it runs in a process of its own, in a folder without spaces."""
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(line, d) for line in sys.argv[1:]]"
    with tempfile.TemporaryDirectory(prefix="qapflow-yosys-") as name:
        folder = Path(name)
        for file, content in contents.items():
            (folder / file).write_bytes(content)
        try:
            done = run_child([sys.executable, "-c", code, *script], timeout, cwd=folder)
        except subprocess.TimeoutExpired:
            raise SynthesisTimeout(f"Yosys was not done after {timeout:g} s") from None
        if done.returncode or not (folder / "ltp.txt").exists():
            error = re.search(r".*ERROR.*", done.stdout + done.stderr)
            raise RuntimeError(f"Yosys: {error[0]}" if error else f"Yosys ended with exit code {done.returncode} and no message")
        statistics = json.loads((folder / "stat.json").read_text())
        levels = re.search(r"length=(\d+)", (folder / "ltp.txt").read_text())
    return count(statistics["design"]["num_cells_by_type"], int(levels[1]) if levels else 0)


def count(cells: dict[str, int], logic_levels: int) -> SynthesisResult:
    """From Yosys' cell counts to ours."""
    lutram = sum(LUTRAM_LUTS[name] * number for name, number in cells.items() if name in LUTRAM_LUTS)
    unknown = [name for name in cells if re.match(r"RAM\d|SRL", name) and name not in LUTRAM_LUTS]
    if unknown:
        raise RuntimeError(f"the LUTs of {', '.join(unknown)} are not known: add them to LUTRAM_LUTS")
    return SynthesisResult(
        lut=sum(number for name, number in cells.items() if re.fullmatch(r"LUT[1-6]", name)) + lutram,
        ff=sum(number for name, number in cells.items() if re.fullmatch(r"FD[RSCP]E(_1)?", name)),
        carry=cells.get("CARRY4", 0),
        dsp=sum(cells.get(name, 0) for name in DSPS),
        bram=sum(size * cells.get(name, 0) for name, size in BRAM_18K.items()),
        lutram=lutram,
        logic_levels=logic_levels,
        tool=version(),
    )
