"""Yosys' counts of one piece of RTL, by the command in finn_steps/synthesis, with what its cell counts do not tell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from finn_steps.synthesis.yosys import commands, count, version
from tests.benchmarks.kept import Kept
from tests.benchmarks.lut_sites import lut_sites
from tests.benchmarks.packing_pairs import luts, packed

LIMIT_S = 1500
CODE = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(line, d) for line in sys.argv[1:]]"
PACKED_UP_TO = 6000
"""LUTs; pairing is counted for folded designs, which are small, and takes minutes on large ones."""


def count_rtl(kept: Kept, files: dict[str, str], top: str, family: str = "xcup", strict: bool = True,
              limit_s: int = LIMIT_S, pairs: bool = True) -> dict:
    """SynthesisResult's fields, and `sites` (lut_sites.py), `packed` (LUT6_2, packing_pairs.py; None for large designs) and
    the `seconds` that Yosys took; or {"failed": why}.

    files  name -> text; the .v and .sv are read, others (memories) lie beside them
    strict everything in LUTs and flip-flops
    pairs  False: without `packed`, which takes longer than Yosys
    """
    script = commands([name for name in files if name.endswith((".v", ".sv"))], family, strict, top)
    place = next(index for index, line in enumerate(script) if line.startswith("synth_xilinx")) + 1
    script.insert(place, "write_json net.json")
    parts = [version(), str(limit_s), *script, *(part for item in sorted(files.items()) for part in item)]
    return kept("yosys", parts if pairs else [*parts, "without pairs"], lambda: run(script, files, top, limit_s, pairs))


def run(script: list[str], files: dict[str, str], top: str, limit_s: int, paired: bool = True) -> dict:
    """One Yosys in a process group of its own, ended whole at the limit."""
    with tempfile.TemporaryDirectory(prefix="peers-yosys-") as name:
        folder, started = Path(name), time.monotonic()
        for file, text in files.items():
            (folder / file).write_text(text)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([sys.executable, "-c", CODE, *script], cwd=folder, stdout=log, stderr=log,
                                       start_new_session=True)
            try:
                process.wait(limit_s)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if isinstance(error, subprocess.TimeoutExpired):
                    return {"failed": f"Yosys did not end within {limit_s} s"}
                raise
        if process.returncode or not (folder / "ltp.txt").exists():
            errors = [line for line in (folder / "log").read_text().splitlines() if "ERROR" in line]
            return {"failed": f"Yosys: {errors[0] if errors else f'exit code {process.returncode}'}"}
        seconds = time.monotonic() - started
        cells = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
        levels = (folder / "ltp.txt").read_text().partition("length=")[2].partition(")")[0]
        result = count(cells, int(levels or 0))
        netlist = json.loads((folder / "net.json").read_text())
        pairs = packed(luts(netlist, top)) if paired and result.lut <= PACKED_UP_TO else None
        return {**asdict(result), "sites": lut_sites(netlist, top), "packed": pairs, "seconds": round(seconds, 1)}
