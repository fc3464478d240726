"""From a Keras file of HGQ2's layers to a QONNX file, and what Keras itself answers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx

from finn_steps.hgq2.emit import emit
from finn_steps.hgq2.read import load_keras, read_chain
from finn_steps.tools.cache import cache_folder, cached, content_key


def converted(path: Path) -> Path:
    """The QONNX file of a Keras file, kept by content. ValueError, naming the layer, for what cannot be built exactly; FileNotFoundError."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model")
    here = Path(__file__).parent
    key = content_key(path.read_bytes(), path.stem, *(source.read_bytes() for source in sorted(here.glob("*.py"))))

    def make(workplace: Path) -> None:
        onnx.save(emit(read_chain(load_keras(path)), path.stem), workplace / f"{path.stem}.onnx")

    return cached(cache_folder("keras"), key, make) / f"{path.stem}.onnx"


class KerasFile:
    """A Keras file as Keras runs it; without a softmax at its end, which no two libraries round alike.

    .sha256, .executor  of the file; which Keras, on which backend
    """

    def __init__(self, path: Path):
        import keras

        self.model, self.sha256 = load_keras(path), hashlib.sha256(path.read_bytes()).hexdigest()
        self.executor = f"keras {keras.__version__} on {keras.backend.backend()}"
        last = self.model.layers[-1]
        if getattr(last, "activation", None) is keras.activations.softmax:
            last.activation = keras.activations.linear

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """float32 [N, features] -> float32 [N, outputs]."""
        from keras import ops

        parts = [ops.convert_to_numpy(self.model(x[start:start + 8192], training=False)) for start in range(0, max(1, len(x)), 8192)]
        return np.concatenate(parts).astype(np.float32)
