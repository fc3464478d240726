"""What became of one network: imported and held against its own file."""

from __future__ import annotations

import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from build_dataflow.hold import Held
from finn_steps.accelerator import Accelerator
from finn_steps.importer.lower import Imported, import_model
from finn_steps.original.executor import Original
from finn_steps.original.locate import DifferenceError
from finn_steps.verification.reference import write_standard_onnx
from tests.fuzz.judge import MANY_NOISES, Verdict, judge
from tests.fuzz.network import Network

OUTCOMES = ("exact", "refused", "stopped", "wrong", "traceback", "unjudged")
LEVELS = 2000
"""Most samples of the build's own that are compared."""
BAD = ("wrong", "traceback", "unjudged")


@dataclass(frozen=True)
class Outcome:
    """kind, one of OUTCOMES, and a line about it.

    exact      imported, and every sample's answer is the file's
    refused    a ValueError or OSError of one line
    stopped    imported, but the project's own comparison with the untouched file raised
    wrong      imported, not stopped, and answers are not the file's
    traceback  any other exception, or a message of several lines
    unjudged   the file cannot be run by its executor, and was imported all the same
    borderline the number of samples within float rounding of a threshold, which are not compared
    """

    kind: str
    detail: str = ""
    borderline: int = 0


def outcome(network: Network) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{network.name}.onnx"
        path.write_bytes(network.data)
        return file_outcome(path, network.inputs)


def file_outcome(path: Path, x: np.ndarray, folder: Path | None = None, batch_open: bool = False) -> Outcome:
    """`x`: inputs [N, features]; `folder` takes a file of its own for a while, the model's folder if None; batch_open: the judge is asked about
    the model with any number of samples, whatever the file fixes."""
    try:
        imported = import_model(path)
        answers = _answers(imported.accelerator, x)
        stopped = _stopped(imported, path, x, folder or path.parent)
    except (ValueError, OSError) as error:
        return _refusal(error)
    except Exception as error:  # noqa: BLE001 - any exception that is not a refusal is what is looked for
        return Outcome("traceback", _last_lines(error))
    try:
        model = _with_open_batch(onnx.load(path)) if batch_open else onnx.load(path)
        found = compared(answers, judge(model, x), x)
        if found.kind == "wrong":
            found = compared(answers, judge(model, x, MANY_NOISES), x)
    except Exception as error:  # noqa: BLE001
        return Outcome("unjudged", _last_lines(error))
    return found if stopped is None else Outcome("stopped", f"{stopped} (judged {found.kind})", found.borderline)


def _with_open_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in (*(value for value in model.graph.input if value.name not in constants), *model.graph.output):
        for first in value.type.tensor_type.shape.dim[:1]:
            first.dim_param = "batch"
    return model


def compared(answers: np.ndarray, verdict: Verdict, x: np.ndarray) -> Outcome:
    borderline = int(verdict.borderline.sum())
    if answers.shape != verdict.outputs.shape:
        return Outcome("wrong", f"answers {answers.shape}, the file {verdict.outputs.shape}", borderline)
    differing = verdict.differing(answers)
    if not len(differing):
        return Outcome("exact", "", borderline)
    sample = differing[0]
    output = int(np.nanargmax(np.abs(answers - verdict.outputs)[sample]))
    return Outcome("wrong", f"{len(differing)} of {len(x)} samples; sample {sample}, output {output}: "
                            f"{answers[sample, output]:.9g}, the file {verdict.outputs[sample, output]:.9g}", borderline)


def _answers(accelerator: Accelerator, x: np.ndarray) -> np.ndarray:
    answers = accelerator.dequantise(accelerator.execute(accelerator.quantise(x)))
    return np.asarray(answers, np.float64).reshape(len(x), -1)


def _stopped(imported: Imported, path: Path, x: np.ndarray, folder: Path) -> str | None:
    """What a build says that does not agree with the file, on its own levels and corners and on x."""
    standard = folder / f"{path.stem}.standard.onnx"
    write_standard_onnx(imported, standard)
    held = Held(Original(path), imported.meetings, imported.accelerator, imported.borderline, standard)
    try:
        held.compare(np.concatenate([held.levels().x[:LEVELS], x]))
    except DifferenceError as error:
        return str(error)
    finally:
        standard.unlink()
    return None


def _refusal(error: Exception) -> Outcome:
    """A refusal is raised by a line of the project that says so, in one line; numpy's own ValueErrors are tracebacks to their reader."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if "\n" in str(error) or "site-packages" in last.filename or not last.line.startswith("raise "):
        return Outcome("traceback", _last_lines(error))
    return Outcome("refused", str(error))


def _last_lines(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]} ({where})"
