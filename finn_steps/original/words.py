"""Inputs that take every feature through its fixed-point words."""

from __future__ import annotations

import numpy as np

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.accelerator.fixed_input import with_fixed_input
from finn_steps.accelerator.fixed_point import FixedInput

STRIDE = 7
"""Words between neighbouring features of a sample."""


def word_inputs(imported: Accelerator, fixed: FixedInput, most: int) -> np.ndarray:
    """float32 [N, features], N at most `most`: all least, all greatest, then every word of every feature; where these are too many, the words
    on both sides of the steps of the input end, evenly chosen."""
    words = fixed.of(imported.features)
    low, high = (np.array([getattr(word, end) for word in words]) for end in ("low", "high"))
    count = int((high - low).max()) + 1
    if count + 2 <= most:
        place = (np.arange(count)[:, None] + STRIDE * np.arange(len(words))) % (high - low + 1)
        return fixed.decode(np.concatenate([[low], [high], low + place]))
    layer = with_fixed_input(imported, fixed).layers[0]
    beside = [_beside_steps(layer, feature, most - 2) for feature in range(len(words))]
    rows = max(len(column) for column in beside)
    table = np.stack([column[(np.arange(rows) + STRIDE * feature) % len(column)] for feature, column in enumerate(beside)], axis=1)
    return fixed.decode(np.concatenate([[low], [high], table]))


def _beside_steps(layer: SparseLayer, feature: int, most: int) -> np.ndarray:
    """int64, at least one and at most `most`: the words of a feature on both sides of where a row that reads it steps."""
    low, high, found = int(layer.input_low[feature]), int(layer.input_high[feature]), [np.zeros(1, np.int64)]
    for row in np.flatnonzero(layer.weights[:, feature]):
        steps = layer.thresholds[row] * layer.weights[row, feature]
        found += [steps - 1, steps, steps + 1]
    words = np.unique(np.concatenate(found))
    words = words[(words >= low) & (words <= high)]
    return words[np.linspace(0, len(words) - 1, min(len(words), most)).astype(int)]
