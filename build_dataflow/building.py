"""One build, from a QONNX file to a verified accelerator: FINN's builder runs the steps, the result is published whole."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path

from build_dataflow import steps
from build_dataflow.beside import begin, beside_steps
from build_dataflow.clock import with_clock
from build_dataflow.configuration import BuildOptions
from build_dataflow.jsonfile import read_json, write_json
from build_dataflow.memory import PeakMemory
from build_dataflow.output_folder import OutputFolder
from build_dataflow.progress import Progress
from build_dataflow.summary import summarise
from finn_steps.finn.builder import run_steps
from finn_steps.importer.model_file import read_model
from finn_steps.original.user_file import external_files
from finn_steps.rtl import heap
from finn_steps.steps import step_import_qonnx, step_infer_sparse_mvau


def steps_of(options: BuildOptions) -> list:
    """The steps of a build in order: names of FINN's own, and ours."""
    return [
        step_import_qonnx,
        steps.step_hold_to_original,
        "step_tidy_up",
        "step_convert_to_hw",
        step_infer_sparse_mvau,
        steps.step_choose_folding,
        "step_specialize_layers",
        "step_generate_estimate_reports",
        steps.step_generate_rtl,
        steps.step_compile_simulation,
        steps.step_verify_rtl,
        *([steps.step_prove] if options.proof else []),
        *([steps.step_synthesise] if options.synthesis else []),
        steps.step_package,
        steps.step_write_core,
    ]


def build(options: BuildOptions, output: Path, resume: bool = False, progress: Progress | None = None) -> dict:
    """Build into `output` and return the summary. What stood there stays usable until the new build is whole.

    ValueError for a model or options that cannot be built, DifferenceError where the file was misread, VerificationError where hardware
    and model differ.
    """
    progress = progress or Progress()
    read_model(options.model)
    options = with_clock(options)
    folder = OutputFolder(output)
    with folder.locked(), beside_steps():
        begin(steps.PLANNER, heap.prepare)
        folder.start(resume)
        done = record_options(folder, options, resume)
        around = recorder(folder.partial, progress)
        run_steps(options.model, steps_of(options), folder.partial, build=options, finished=done, around_step=around)
        summary = summarise(folder.partial, options, read_json(folder.partial / "report" / "steps.json"))
        write_json(folder.partial / "report" / "summary.json", summary)
        folder.publish()
    return summary


def recorder(folder: Path, progress: Progress):
    """A context manager for one step: shows it, and writes its time and its memory down when it is done."""

    def note(file: str, name: str, value: float) -> None:
        path = folder / "report" / file
        write_json(path, {**(read_json(path) or {}), name: value})

    @contextmanager
    def around(name: str):
        with progress.step(name), PeakMemory() as peak:
            yield
        note("memory.json", name, peak.mb)
        note("steps.json", name, progress.seconds[name])

    return around


def inputs_sha256(options: BuildOptions) -> dict[str, str]:
    """Of the files that a build reads beside the model: its data files, the table, the folding."""
    beside = [options.model.parent / location for location in external_files(options.model)]
    named = [Path(path) for path in (options.data, options.folding) if path is not None]
    return {str(path): sha256_of(path) for path in (*beside, *named) if path.is_file()}


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_options(folder: OutputFolder, options: BuildOptions, resume: bool) -> list[str]:
    """Write down what is being built; with `resume`, check that it is the same and return the names of the steps that are done."""
    asked = {**options.as_json(), "model_sha256": sha256_of(options.model), "inputs_sha256": inputs_sha256(options)}
    path = folder.partial / "report" / "options.json"
    before = read_json(path) if resume else None
    if before is not None and before != asked:
        changed = ", ".join(key for key in asked if before.get(key) != asked[key])
        raise ValueError(f"{folder.final}: the interrupted build had other options ({changed}); give the same ones, or build "
                         "without --resume")
    write_json(path, asked)
    return list(read_json(folder.partial / "report" / "steps.json") or {})
