"""onnxruntime on the standard-ONNX model: the word that everything built is held to, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx

from finn_steps.accelerator import write_atomically
from finn_steps.importer.evaluate import session
from finn_steps.importer.lower import Imported, import_model
from finn_steps.simplify import Simplified

KEY = "qapflow.reference"
CHUNK = 4096


class Reference:
    """A standard model with its integers laid open.

        Reference(import_model("model.onnx")) or Reference("build/standard.onnx")

    .layers             names of the layers in order
    .integers(x)        int64 [N, MH] of the last layer, as the accelerator answers
    .layer_integers(x)  the same for every layer, and for "input" where the model quantises it
    .outputs(x)         the model's own float32 outputs [N, MH]
    .borderline(x)      bool [N]: samples with a hidden accumulator that float32 rounding could carry over a threshold
    x is float32 [N, features]. Where standard.onnx was written with a Simplified, hidden integers are those of its accelerator.
    """

    def __init__(self, model: Imported | onnx.ModelProto | Path | str):
        if isinstance(model, Imported):
            model = standard_with_notes(model)
        elif not isinstance(model, onnx.ModelProto):
            model = onnx.load(model)
        notes = {entry.key: entry.value for entry in model.metadata_props}
        if KEY not in notes:
            raise ValueError("this ONNX model was not written by a build: it does not name the layers' tensors")
        notes = json.loads(notes[KEY])
        self._tensors: dict[str, dict] = notes["tensors"]
        self._borderline: list[dict] = notes["borderline"]
        self.layers = [name for name in self._tensors if name != "input"]
        self.shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
        self._input, self._output = model.graph.input[0].name, model.graph.output[0].name
        self._session = session(_with_outputs(model, [e["tensor"] for e in (*self._tensors.values(), *self._borderline)]))

    def integers(self, x: np.ndarray) -> np.ndarray:
        return self._integers([self.layers[-1]], x)[self.layers[-1]]

    def layer_integers(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return self._integers(list(self._tensors), x)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        return self._run([self._output], x)[0]

    def borderline(self, x: np.ndarray) -> np.ndarray:
        touched = np.zeros(len(x), dtype=bool)
        if not self._borderline:
            return touched
        for entry, values in zip(self._borderline, self._run([entry["tensor"] for entry in self._borderline], x)):
            accumulators = np.rint(values / np.array(entry["scale"]))
            for neuron, listed in entry["accumulators"].items():
                touched |= np.isin(accumulators[:, int(neuron)], listed)
        return touched

    def _integers(self, layers: list[str], x: np.ndarray) -> dict[str, np.ndarray]:
        found = self._run([self._tensors[name]["tensor"] for name in layers], x)
        return {name: self._stored(name, values) for name, values in zip(layers, found)}

    def _stored(self, name: str, values: np.ndarray) -> np.ndarray:
        """Round to integers, and to what the accelerator stores: hidden bipolar values as 0 and 1, simplified layers as they are."""
        entry = self._tensors[name]
        integers = np.rint(values.astype(np.float64) / np.array(entry["scale"], np.float32)).astype(np.int64)
        if entry["bipolar"] and name != self.layers[-1]:
            integers = (integers + 1) // 2
        return integers[:, entry["neurons"]] - np.array(entry["offsets"]) if "neurons" in entry else integers

    def _run(self, tensors: list[str], x: np.ndarray) -> list[np.ndarray]:
        x = np.asarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != int(np.prod(self.shape)):
            raise ValueError(f"the model takes [N, {int(np.prod(self.shape))}] values, not {list(x.shape)}")
        parts = [self._session.run(tensors, {self._input: x[start : start + CHUNK].reshape(-1, *self.shape)})
                 for start in range(0, max(1, len(x)), CHUNK)]
        return [np.concatenate([part[i].reshape(len(part[i]), -1) for part in parts]) for i in range(len(tensors))]


def standard_with_notes(imported: Imported, simplified: Simplified | None = None) -> onnx.ModelProto:
    """The standard model with a note of where each layer's integers are, and which accumulators are borderline."""
    model = onnx.ModelProto()
    model.CopyFrom(imported.standard)
    tensors = {name: {"tensor": entry.tensor, "scale": np.asarray(entry.scale).tolist(), "bipolar": entry.bipolar}
               for name, entry in imported.tensors.items()}
    for name in simplified.neurons if simplified else ():
        tensors[name] |= {"neurons": simplified.neurons[name].tolist(), "offsets": simplified.offsets[name].tolist()}
    borderline = [{"tensor": entry.tensor, "scale": entry.scale.tolist(),
                   "accumulators": {i: values.tolist() for i, values in enumerate(entry.accumulators)
                                    if len(values) and (simplified is None or i in simplified.neurons[name])}}
                  for name, entry in imported.borderline.items()]
    onnx.helper.set_model_props(model, {KEY: json.dumps({"tensors": tensors, "borderline": borderline})})
    return model


def write_standard_onnx(model: Path | str | Imported, path: Path | str, simplified: Simplified | None = None) -> None:
    """Write a model in standard operators, ready for Reference(path)."""
    imported = model if isinstance(model, Imported) else import_model(model)
    write_atomically(Path(path), standard_with_notes(imported, simplified).SerializeToString())


def _with_outputs(model: onnx.ModelProto, tensors: list[str]) -> onnx.ModelProto:
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    known = {value.name for value in opened.graph.output}
    for tensor in dict.fromkeys(tensors):
        if tensor not in known:
            opened.graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    return opened
