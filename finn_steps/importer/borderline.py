"""Accumulators that lie on a threshold within the float rounding of the model's own MatMul: counted and reported, never hidden."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator, write_atomically


@dataclass(frozen=True, eq=False)
class Borderline:
    """layers: by name, int64 [2, K]: a neuron and an accumulator of the imported layer for which float32 rounding in the model
    could give the neighbouring integer. A layer with exact arithmetic (power-of-two scales) has no entry."""

    layers: dict[str, np.ndarray] = field(default_factory=dict)

    def samples(self, imported: Accelerator, q: np.ndarray) -> np.ndarray:
        """bool [N]: which samples of q (int64 [N, MW]) meet any of these accumulators in the imported network."""
        touched = np.zeros(len(q), dtype=bool)
        for layer in imported.layers:
            accumulated = layer.accumulate(q)
            neurons, accumulators = self.layers.get(layer.name, np.zeros((2, 0), np.int64))
            for neuron in np.unique(neurons):
                touched |= np.isin(accumulated[:, neuron], accumulators[neurons == neuron])
            q = layer.execute(q)
        return touched

    def save(self, path: Path) -> None:
        """Write an npz with one array a layer."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **self.layers)
        write_atomically(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Borderline:
        with np.load(path, allow_pickle=False) as stored:
            return cls({key: stored[key] for key in stored.files})
