"""A small 16-feature, 5-class set with badly scaled features: what the training tests run on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.configuration import TrainConfig
from models.tensors import Tensors, to_tensors

TINY = TrainConfig(hidden=(8, 6), weight_bits=4, activation_bits=3, epochs=2, patience=0, batch_size=100, learning_rate=1e-2,
                   remaining=(0.5, 0.3), batch_norm="none")


@dataclass(frozen=True)
class SyntheticPart:
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class SyntheticSet:
    train: SyntheticPart
    validation: SyntheticPart
    test: SyntheticPart
    mean: np.ndarray
    std: np.ndarray
    name: str = "synthetic"
    features: tuple[str, ...] = tuple(f"f{i}" for i in range(16))
    classes: tuple[str, ...] = ("g", "q", "t", "w", "z")
    sha256: str = "0" * 64
    ids: tuple[str, ...] = ()


def synthetic_set(seed: int = 0, sizes: tuple[int, int, int] = (300, 120, 120)) -> SyntheticSet:
    rng = np.random.default_rng(seed)
    centres, mixing = rng.normal(size=(5, 16)), rng.normal(size=(16, 16)) * np.logspace(-1, 2, 16)
    parts = []
    for size in sizes:
        y = rng.integers(0, 5, size)
        z = centres[y] + rng.normal(size=(size, 16))
        parts.append(SyntheticPart(((z + 0.3 * z**2) @ mixing + 5).astype(np.float32), y.astype(np.int64)))
    return SyntheticSet(*parts, mean=parts[0].x.mean(0), std=parts[0].x.std(0))


def synthetic_tensors(config: TrainConfig = TINY, **kwargs) -> Tensors:
    return to_tensors(synthetic_set(**kwargs), config)
