"""onnxruntime on the standard-ONNX model: the word that everything built is held to, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx

from finn_steps.importer.evaluate import session
from finn_steps.importer.lower import Imported, import_model
from finn_steps.tools.files import write_atomically

KEY = "qapflow.reference"
CHUNK = 4096


class Reference:
    """A standard model with its integers laid open.

        Reference(import_model("model.onnx")) or Reference("build/standard.onnx")

    .layers             names of the layers in order
    .integers(x)        int64 [N, MH] of the last layer, as the accelerator answers
    .layer_integers(x)  the same for every layer, and for "input": what the first layer takes
    .outputs(x)         the model's own float32 outputs [N, MH]
    x is float32 [N, features]; the integers are those of the imported accelerator, before any simplification.
    """

    def __init__(self, model: Imported | onnx.ModelProto | Path | str):
        if isinstance(model, Imported):
            model = standard_with_notes(model)
        elif not isinstance(model, onnx.ModelProto):
            model = onnx.load(model)
        notes = {entry.key: entry.value for entry in model.metadata_props}
        if KEY not in notes:
            raise ValueError("this ONNX model was not written by a build: it does not name the layers' tensors")
        self._tensors: dict[str, dict] = json.loads(notes[KEY])
        self.layers = [name for name in self._tensors if name != "input"]
        self.shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
        self._dtype = onnx.helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)
        self._input, self._output = model.graph.input[0].name, model.graph.output[0].name
        self._session = session(_with_outputs(model, [entry["tensor"] for entry in self._tensors.values()]))

    def integers(self, x: np.ndarray) -> np.ndarray:
        return self._integers([self.layers[-1]], x)[self.layers[-1]]

    def layer_integers(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return self._integers(list(self._tensors), x)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        return self._run([self._output], x)[0]

    def _integers(self, layers: list[str], x: np.ndarray) -> dict[str, np.ndarray]:
        found = self._run([self._tensors[name]["tensor"] for name in layers], x)
        return {name: self._stored(name, values) for name, values in zip(layers, found)}

    def _stored(self, name: str, values: np.ndarray) -> np.ndarray:
        """The integers that the network stores for values of the model: hidden bipolar ones as 0 and 1, the last layer's as -1 and 1."""
        scale, offset = (np.array(self._tensors[name][part]) for part in ("scale", "offset"))
        return np.rint((values.astype(np.float64) - offset) / np.where(scale == 0, 1, scale)).astype(np.int64)

    def _run(self, tensors: list[str], x: np.ndarray) -> list[np.ndarray]:
        x = np.asarray(x, self._dtype)
        if x.ndim != 2 or x.shape[1] != int(np.prod(self.shape)):
            raise ValueError(f"the model takes [N, {int(np.prod(self.shape))}] values, not {list(x.shape)}")
        parts = [self._session.run(tensors, {self._input: x[start : start + CHUNK].reshape(-1, *self.shape)})
                 for start in range(0, max(1, len(x)), CHUNK)]
        return [np.concatenate([part[i].reshape(len(part[i]), -1) for part in parts]) for i in range(len(tensors))]


def standard_with_notes(imported: Imported) -> onnx.ModelProto:
    """The standard model with a note of where each layer's integers are."""
    model = onnx.ModelProto()
    model.CopyFrom(imported.standard)
    note = {name: {"tensor": meeting.tensor, "scale": meeting.scale.tolist(), "offset": meeting.offset.tolist()}
            for name, meeting in imported.meetings.items()}
    onnx.helper.set_model_props(model, {KEY: json.dumps(note)})
    return model


def write_standard_onnx(model: Path | str | Imported, path: Path | str) -> None:
    """Write a model in standard operators, ready for Reference(path)."""
    imported = model if isinstance(model, Imported) else import_model(model)
    write_atomically(Path(path), standard_with_notes(imported).SerializeToString())


def _with_outputs(model: onnx.ModelProto, tensors: list[str]) -> onnx.ModelProto:
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    known = {value.name for value in opened.graph.output}
    for tensor in dict.fromkeys(tensors):
        if tensor not in known:
            opened.graph.output.add().name = tensor
    return opened
