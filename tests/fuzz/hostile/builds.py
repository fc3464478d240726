"""Whole builds of hostile inputs that reading accepted: `python -m tests.fuzz.hostile.builds LOG --builds 40 [--seed 0] [--kept FILE]`.

LOG is a log of `python -m tests.fuzz.hostile`. A network is built by the command line, without synthesis and proof: it must come out
equal to its file, or be refused in one line, with nothing written outside of the output folder and the cache. An accelerator's RTL
is generated and simulated: it must answer what its integers say.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from build_dataflow.configuration import ROOT
from finn_steps.accelerator import Accelerator
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.fuzz.hostile.files import case
from tests.fuzz.hostile.worker import listing
from tests.nets import random_inputs

SAMPLES, FRAMES, SECONDS = 200, 100, 900
FINE = ("equal", "refused")


def built(path: Path, folder: Path, cache: Path) -> tuple[str, str]:
    """What a build of a network in `folder` comes to, and a line on it."""
    work = {name: folder / name for name in ("out", "tmp")}
    work["tmp"].mkdir()
    before = listing(path.parent)
    command = [sys.executable, "-m", "build_dataflow", "build", str(path), "--output", str(work["out"]), "--samples", str(SAMPLES),
               "--no-synthesis", "--no-proof"]
    environment = {**os.environ, "QAPFLOW_CACHE": str(cache), "TMPDIR": str(work["tmp"])}
    try:
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "hung", ""
    others = {entry.name for entry in folder.iterdir()} - {*work, path.parent.name, "outside.bin", ".out.lock", ".out.partial"}
    if listing(path.parent) != before or others or list(work["tmp"].iterdir()):
        return "touched", f"{sorted(others)} {[entry.name for entry in work['tmp'].iterdir()]}"
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    if ended.returncode:
        clear = ended.returncode == 1 and len(errors) == 1 and "Traceback" not in ended.stderr and "not expected" not in errors[0]
        return ("refused" if clear and not work["out"].exists() else "unclear"), ended.stderr[-500:]
    return compared(json.loads((work["out"] / "report" / "summary.json").read_text())["verification"])


def compared(verification: dict) -> tuple[str, str]:
    """`equal` if the simulation and the untouched file agree on every sample."""
    differing = verification["mismatches"] + verification["original"]["mismatches"]
    return ("equal" if differing == 0 and verification["samples"] else "wrong"), f"{differing} of {verification['samples']} differ"


def simulated(folder: Path, place: Path, cache: Path) -> tuple[str, str]:
    """What the RTL of an accelerator comes to."""
    accelerator = Accelerator.load(folder)
    try:
        generate(accelerator, place / "rtl")
    except ValueError as error:
        return "refused", str(error)
    x = random_inputs(np.random.default_rng(0), FRAMES, accelerator.MW, accelerator.idt)
    found = Simulation.build(place / "rtl", cache / "rtlsim").trace(x, 0.2, 0.2).y
    return ("equal" if np.array_equal(found, accelerator.execute(x)) else "wrong"), ""


def results(chosen: list[dict]):
    """Of each, with one cache for all."""
    with tempfile.TemporaryDirectory(prefix="qapflow-built-cache-") as cache:
        for entry in chosen:
            yield one(entry, Path(cache))


def one(entry: dict, cache: Path) -> dict:
    with tempfile.TemporaryDirectory(prefix="qapflow-built-") as name:
        folder = Path(name)
        (folder / "input").mkdir()
        made = case(entry["seed"], folder / "input", entry["kind"])
        try:
            found, detail = simulated(made.path, folder, cache) if made.kind == "accelerator" else built(made.path, folder, cache)
        except Exception as error:  # noqa: BLE001 - what is no refusal is a fault
            found, detail = "traceback", f"{type(error).__name__}: {error}"
        return {"seed": entry["seed"], "kind": made.kind, "found": found, "detail": detail, "told": made.told}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--builds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the choice among the accepted")
    parser.add_argument("--kept", type=Path, help="a file of JSON lines: what is there is not built again")
    options = parser.parse_args()
    accepted = [entry for entry in map(json.loads, options.log.read_text().splitlines())
                if entry["found"] == "accepted" and entry["kind"] in ("onnx", "keras", "accelerator")]
    picked = np.random.default_rng(options.seed).permutation(len(accepted))[: options.builds]
    told = list(map(json.loads, options.kept.read_text().splitlines())) if options.kept and options.kept.is_file() else []
    done = {(entry["kind"], entry["seed"]) for entry in told}
    for result in results([accepted[i] for i in picked if (accepted[i]["kind"], accepted[i]["seed"]) not in done]):
        told.append(result)
        print(f"{result['kind']} {result['seed']}: {result['found']}{'' if result['found'] == 'equal' else ': ' + result['detail']}", flush=True)
        if options.kept:
            with options.kept.open("a") as file:
                file.write(json.dumps(result) + "\n")
    for (kind, found), count in sorted(Counter((entry["kind"], entry["found"]) for entry in told).items()):
        print(f"{kind}: {count} {found}")
    return int(any(entry["found"] not in FINE for entry in told))


if __name__ == "__main__":
    sys.exit(main())
