"""The proofs of a build, in a process of their own: they take one core while the compiler takes the other."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from build_dataflow.configuration import BuildOptions
from build_dataflow.hold import ORIGINAL
from build_dataflow.jsonfile import read_json, write_json
from finn_steps.accelerator import Accelerator
from finn_steps.importer.input_quant import InputQuant
from finn_steps.proof.attempt import Proof
from finn_steps.proof.from_file.prove import FileProof, prove_file
from finn_steps.proof.prove import PATIENT_SECONDS, SECONDS, prove
from finn_steps.tools.processes import run_child

ROOT = Path(__file__).parents[1]
PROOF, UNDECIDED = "proof.json", "undecided.json"
"""Under report/: what summary.json says of the proofs, and the accumulators that float rounding could carry over a step."""


def prove_build(folder: Path, build: BuildOptions) -> None:
    """Prove rtl/ and the integers of the build in `folder`, and write PROOF and UNDECIDED. Where that process fails, nothing is proved."""
    seconds = PATIENT_SECONDS if build.require_proof else SECONDS
    quant = [] if build.input_quant is None else [json.dumps(asdict(build.input_quant))]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "build_dataflow.proving", folder, str(seconds), *quant]
    done = run_child(command, waits=True, env={**os.environ, "PYTHONPATH": path})
    if done.returncode:
        error = (done.stderr.strip().splitlines() or ["no message"])[-1]
        nothing = dict.fromkeys(_layers(folder), f"the process of the proof ended with exit code {done.returncode} ({error})")
        write_proofs(folder, Proof((), nothing), FileProof((), nothing))


def write_proofs(folder: Path, proof: Proof, file: FileProof) -> None:
    facts = {"proved_layers": file.proved, "not_proved": file.not_proved, "undecided": len(file.undecided),
             "differing": sum(each.differs for each in file.undecided)}
    write_json(folder / "report" / UNDECIDED, {"accumulators": [asdict(each) for each in file.undecided]})
    write_json(folder / "report" / PROOF, {"proved_layers": proof.proved, "not_proved": proof.not_proved, "file_proof": facts})


def proofs_of(folder: Path) -> tuple[dict, dict]:
    """What PROOF holds: of the Verilog {"proved_layers", "not_proved"}, and of the file, the same with "undecided" and "differing"."""
    told = read_json(folder / "report" / PROOF)
    return told, told["file_proof"]


def main(arguments: list[str] | None = None) -> None:
    """The process of prove_build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("input_quant", type=lambda text: InputQuant(**json.loads(text)), nargs="?")
    told = parser.parse_args(arguments)
    accelerator = Accelerator.load(told.folder)
    file = prove_file(told.folder / ORIGINAL, accelerator, told.seconds, told.input_quant)
    write_proofs(told.folder, prove(told.folder / "rtl", accelerator, told.seconds), file)


def _layers(folder: Path) -> list[str]:
    return [layer.name for layer in Accelerator.load(folder).layers]


if __name__ == "__main__":
    main()
