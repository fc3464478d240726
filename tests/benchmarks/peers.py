"""Unrolled networks, ours beside da4ml's, on the same integers, counted by the same Yosys.

    nice -n 10 python -m tests.benchmarks.peers PYTHON_WITH_DA4ML [NAME ...]

PYTHON_WITH_DA4ML is the interpreter of an environment with da4ml 0.6.0 (LGPL-3; not a dependency): `python -m venv da4ml`,
`da4ml/bin/pip install da4ml==0.6.0`. Names are those of tests/benchmarks/cores.py, e.g. 4-bit-pow2/unrolled-1.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from finn_steps.accelerator import Accelerator
from finn_steps.synthesis.yosys import SynthesisResult
from tests.benchmarks.cores import build, cases, count


def da4ml(python: str, accelerator: Accelerator, adders: int) -> tuple[SynthesisResult, int]:
    """(counts, latency in cycles) of da4ml's RTL with `adders` adders in a stage."""
    with tempfile.TemporaryDirectory() as name:
        accelerator.save(name)
        rtl = Path(name, "rtl")
        script = Path(__file__).with_name("da4ml_network.py")
        done = subprocess.run([python, script, name, rtl, str(adders)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"da4ml: {done.stderr.strip().splitlines()[-1]}")
        sources = [path for path in sorted(rtl.glob("src/**/*.v")) if not path.stem.endswith("wrapper")]
        result = count({path.name: path.read_text() for path in sources}, "da4ml_net")
        return result, json.loads(done.stdout.strip().splitlines()[-1])["latency_cycles"]


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit("error: name the Python interpreter of an environment that has da4ml")
    python, wanted = sys.argv[1], sys.argv[2:]
    print(f"{'network':32} {'LUT':>6} {'FF':>6} {'cycles':>6}   {'da4ml':>6} {'FF':>6} {'cycles':>6}   {'ratio':>5}")
    for name, make, style, foldings in cases():
        if style != "unrolled" or wanted and name not in wanted:
            continue
        accelerator, every = make(), foldings[0].registers_every
        core = build(accelerator, style, foldings)
        ours = count({"core.sv": core.verilog}, core.module)
        theirs, cycles = da4ml(python, accelerator, every)
        print(f"{name:32} {ours.lut:6} {ours.ff:6} {core.latency:6}   {theirs.lut:6} {theirs.ff:6} {cycles:6}   "
              f"{ours.lut / theirs.lut:5.2f}", flush=True)


if __name__ == "__main__":
    main()
