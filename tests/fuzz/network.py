"""One random network: the bytes of an ONNX file, what it is in words, and inputs that reach its levels, ties and clipping."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

KINDS = ("brevitas", "ort", "graphs")
SAMPLES = 200


@dataclass(frozen=True, eq=False)
class Network:
    """`inputs` is float32 [SAMPLES, features], whole numbers where the model takes integers; `data` the bytes of the ONNX file."""

    kind: str
    seed: int
    description: str
    data: bytes
    inputs: np.ndarray

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.seed}"

    @property
    def model(self) -> onnx.ModelProto:
        return onnx.load_from_string(self.data)

    def write(self, folder: Path) -> Path:
        """The file, and the description and inputs beside it."""
        path = folder / f"{self.name}.onnx"
        path.write_bytes(self.data)
        path.with_suffix(".txt").write_text(self.description + "\n")
        np.savez_compressed(path.with_suffix(".npz"), x=self.inputs)
        return path


def network(kind: str, seed: int) -> Network:
    """The same for the same kind and seed, on one version of the exporters."""
    if kind == "brevitas":
        from tests.fuzz.brevitas_nets import brevitas_network as make
    elif kind == "ort":
        from tests.fuzz.ort_nets import ort_network as make
    elif kind == "graphs":
        from tests.fuzz.graphs import graph_network as make
    else:
        raise ValueError(f"kind '{kind}' is none of {', '.join(KINDS)}")
    return make(seed)
