"""What reading one hostile input comes to."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from build_dataflow.configuration import ROOT, read_options
from build_dataflow.errors import LONGEST, describe, one_line
from deploy.network import Network
from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.folding.configuration import read_foldings
from finn_steps.hgq2.convert import KerasFile
from finn_steps.hgq2.emit import emit
from finn_steps.hgq2.read import load_keras, read_chain
from finn_steps.importer.lower import import_model
from finn_steps.original.executor import Original
from models.configuration import read_config
from models.data.load import load_dataset
from models.study.description import read_study
from tests.fuzz.hostile.case import Case
from tests.fuzz.outcome import file_outcome

CLEAN = ("refused", "accepted")
SAMPLES = 20
JUDGED_BYTES, JUDGED_NODES = 2**20, 200
"""Of a network that the differential fuzzer's judge is asked about: it runs many patterns of roundings."""


@dataclass(frozen=True)
class Found:
    """kind: refused (one clear line), accepted (and, of a network, equal to its file), or a fault: "wrong", "traceback", "unclear"."""

    kind: str
    detail: str = ""


def read(case: Case):
    """As the commands read it; what that gives."""
    if case.kind == "onnx":
        return import_model(case.path)
    if case.kind == "keras":
        return read_keras(case.path)
    if case.kind == "folding":
        return read_foldings(case.path, folded())
    if case.kind == "accelerator":
        return Accelerator.load(case.path)
    if case.kind == "package":
        return Network.load(case.path)
    if case.kind == "build":
        return read_options(str(case.path), {}).as_json()
    return read_of_models(case)


def read_keras(path: Path):
    """As `converted` and the import behind it do, but without the cache of files."""
    return import_model(emit(read_chain(load_keras(path)), path.stem))


def read_of_models(case: Case):
    if case.kind == "train":
        return read_config(case.path)
    if case.kind == "study":
        return read_study(case.path)
    label = None if case.path.suffix == ".npz" else "class"
    return load_dataset(case.path, label)


def folded():
    layers = [SparseLayer(f"layer{i}", np.ones((3, 3)), np.zeros(3), np.full((3, 1), i), "BINARY", "BINARY") for i in range(2)]
    return Accelerator("folded", tuple(layers), 3, np.arange(3))


def found(case: Case) -> Found:
    try:
        read(case)
    except Exception as error:  # noqa: BLE001 - whatever is no refusal is what is looked for
        return refusal(error)
    return Found("accepted")


def refusal(error: Exception) -> Found:
    """A refusal is what the command line shows in one line, raised by a line of the project that says so; or a file that cannot be had."""
    text, last = describe(error), traceback.extract_tb(error.__traceback__)[-1]
    ours = Path(last.filename).is_relative_to(ROOT) and ".venv" not in last.filename and (last.line or "").startswith("raise ")
    if "was not expected" in text or isinstance(error, (RecursionError, UnicodeError, NotImplementedError)):
        return Found("traceback", where(error))
    if not ours and not (isinstance(error, OSError) and error.filename):
        return Found("traceback", where(error))
    line = one_line(text)
    if not line.isprintable() or len(line) > LONGEST + 10 or " object at 0x" in line or not line.strip():
        return Found("unclear", where(error))
    return Found("refused", line)


def where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]} ({places})"


def held(case: Case) -> Found:
    """Of an accepted network: whether it is its file's, by the differential fuzzer's own judge. A build that its comparison with the file
    stops is refused."""
    model = onnx.load(case.path)
    if model.ByteSize() > JUDGED_BYTES or len(model.graph.node) > JUDGED_NODES:
        return Found("accepted", "too large for the judge")
    constants = {tensor.name for tensor in model.graph.initializer}
    value = next(v for v in model.graph.input if v.name not in constants)
    try:
        x = Original(case.path).random_inputs(SAMPLES, 0)
    except (ValueError, OSError):
        x = np.zeros((SAMPLES, int(np.prod([d.dim_value for d in value.type.tensor_type.shape.dim][1:]))), np.float32)
    came = file_outcome(case.path, x, batch_open=True)
    return Found({"exact": "accepted", "refused": "refused", "stopped": "refused"}.get(came.kind, came.kind), came.detail)


def held_keras(case: Case) -> Found:
    """Of an accepted Keras file: whether its integers answer what Keras does, in front of a softmax."""
    imported, file = read_keras(case.path), KerasFile(case.path)
    accelerator = imported.accelerator
    x = np.random.default_rng(0).normal(0, 3, (SAMPLES, accelerator.MW)).astype(np.float32)
    expected = file.outputs(x)
    answers = accelerator.dequantise(accelerator.execute(accelerator.quantise(x)))
    if accelerator.host_output and accelerator.host_output[-1].op == "softmax":
        same = np.array_equal(answers.argmax(1), expected.argmax(1))
    else:
        same = np.array_equal(answers, expected)
    return Found("accepted" if same else "wrong", "" if same else f"{answers[0]} where Keras answers {expected[0]}")
