"""Stratified splits by a stored seed."""

from __future__ import annotations

import numpy as np

SPLIT_SEED = 1
TRAIN_SHARE, VALIDATION_SHARE = 0.60, 0.15
"""The test part is the rest: 25 %."""


def stratified_split(y: np.ndarray, seed: int = SPLIT_SEED) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers of the training, validation and test parts: 60, 15 and 25 % of every class, each part in random order."""
    rng = np.random.default_rng(seed)
    parts: tuple[list, list, list] = ([], [], [])
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        train, validation = round(TRAIN_SHARE * len(rows)), round(VALIDATION_SHARE * len(rows))
        for part, chosen in zip(parts, np.split(rows, [train, train + validation]), strict=True):
            part.append(chosen)
    return tuple(rng.permutation(np.concatenate(part)) for part in parts)
