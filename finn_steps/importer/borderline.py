"""Accumulators that lie on a threshold within the float rounding of the model's own MatMul: counted and reported, never hidden.

onnxruntime sums n float32 products; the exact accumulator is one integer. In whatever order it sums, with u = 2^-24, T the sum of
the terms' sizes and a their sum, no partial sum exceeds (T + |a|) / 2, so the result is off by at most
    u * ((n - 1) * (T + |a|) / 2 + 3 * T)
(an addition rounds by u of its result, a term and its two factors by u each; Higham, Accuracy and Stability of Numerical
Algorithms, chapter 4). A sample is borderline where that reaches the distance to the next threshold.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from functools import cached_property
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.tools.files import read_arrays, write_atomically

UNIT = 2.0**-24 * 1.001
"""u, with room for the products of roundings that the bound leaves out."""
SAMPLES_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class BorderlineLayer:
    """Entries [K] of one imported layer, two for each threshold that rounding could carry a sum over.

    `accumulator` of `neuron` is the first at the threshold (`above`) or the last below it, `slack` accumulator units from where the model
    steps; one that is n accumulators farther away has n more.
    zero   float64 [MW]: in units of the accumulator, input c adds weights[:, c] * (q[c] + zero[c]) to the model's sum
    extra  float64 [K]: further error, in accumulator units, of levels and weights that lie off their grid
    """

    neuron: np.ndarray
    accumulator: np.ndarray
    above: np.ndarray
    slack: np.ndarray
    zero: np.ndarray
    extra: np.ndarray

    def samples(self, layer: SparseLayer, q: np.ndarray) -> np.ndarray:
        """bool [N]: which samples of the layer's inputs (int64 [N, MW]) meet an entry."""
        touched = np.zeros(len(q), dtype=bool)
        for start in range(0, len(q), SAMPLES_AT_ONCE):
            part = slice(start, start + SAMPLES_AT_ONCE)
            touched[part] = self._touched(layer, q[part])
        return touched

    def _touched(self, layer: SparseLayer, q: np.ndarray) -> np.ndarray:
        touched, accumulated = np.zeros(len(q), dtype=bool), layer.accumulate(q)
        terms, weights = q + self.zero, layer.weights[list(self._ordered)].T.astype(np.float64)
        total, size = np.abs(terms @ weights), np.abs(terms) @ np.abs(weights)
        count = (terms != 0).astype(np.float64) @ (weights != 0)
        error = UNIT * (np.maximum(count - 1, 0) * (size + total) / 2 + 3 * size)
        for place, (neuron, sides) in enumerate(self._ordered.items()):
            for above, entries in sides.items():
                touched |= self._reached(entries, 1 if above else -1, accumulated[:, neuron], error[:, place])
        return touched

    @classmethod
    def names(cls) -> list[str]:
        return [field.name for field in dataclass_fields(cls)]

    @property
    def stored(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in self.names()}

    @cached_property
    def _ordered(self) -> dict[int, dict[bool, np.ndarray]]:
        """By neuron and side its entries, int64 [*], in the order in which accumulators come to them; all are sorted once."""
        sign = np.where(self.above, 1, -1)
        order = np.lexsort((-self.slack, sign * self.accumulator, self.above, self.neuron))
        group = 2 * self.neuron[order] + self.above[order]
        found: dict[int, dict[bool, np.ndarray]] = {}
        for entries in np.split(order, np.flatnonzero(np.diff(group)) + 1) if len(order) else ():
            found.setdefault(int(self.neuron[entries[0]]), {})[bool(self.above[entries[0]])] = entries
        return found

    def _reached(self, entries: np.ndarray, sign: int, accumulated: np.ndarray, error: np.ndarray) -> np.ndarray:
        """bool [N]: is the nearest of the ordered entries on the way to the threshold within the error?"""
        known = sign * self.accumulator[entries]
        at = np.searchsorted(known, sign * accumulated, side="right") - 1
        near = np.maximum(at, 0)
        slack = self.slack[entries[near]] + (sign * accumulated - known[near])
        return (at >= 0) & (error + self.extra[entries[near]] >= slack)


@dataclass(frozen=True, eq=False)
class Borderline:
    """By the names of the imported accelerator's layers; one with exact arithmetic (power-of-two scales) has no entry."""

    layers: dict[str, BorderlineLayer] = field(default_factory=dict)

    def samples(self, imported: Accelerator, q: np.ndarray) -> np.ndarray:
        """bool [N]: samples of q (int64 [N, MW]) in which rounding could change a hidden integer of the model."""
        touched = np.zeros(len(q), dtype=bool)
        for layer in imported.layers:
            if layer.name in self.layers:
                touched |= self.layers[layer.name].samples(layer, q)
            q = layer.execute(q)
        return touched

    def save(self, path: Path) -> None:
        """Write an npz: <layer>.<field> for each field."""
        fields = {f"{name}.{key}": value for name, layer in self.layers.items() for key, value in layer.stored.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **fields)
        write_atomically(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Borderline:
        fields: dict[str, dict] = {}
        for key, array in read_arrays(path).items():
            name, _, kind = key.rpartition(".")
            fields.setdefault(name, {})[kind] = array
        known = set(BorderlineLayer.names())
        if any(set(values) != known for values in fields.values()):
            raise ValueError(f"{path} was written by another version; build again")
        return cls({name: BorderlineLayer(**values) for name, values in fields.items()})
