"""A data set as tensors in memory, split and labelled as one training wants it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.configuration import TrainConfig


@dataclass(frozen=True)
class Part:
    x: Tensor  # float32 [N, F], raw features
    y: Tensor  # int64 [N]; numbers to predict: float32 [N, T], in the training part's standard deviations from its mean

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Tensors:
    """Training, validation and test part, with the training part's mean and standard deviation [F]; `classes` are the names of
    the network's answers. `target_mean` and `target_std` [T] are those of numbers to predict."""

    train: Part
    validation: Part
    test: Part
    mean: Tensor
    std: Tensor
    classes: tuple[str, ...]
    target_mean: Tensor | None = None
    target_std: Tensor | None = None


def to_tensors(dataset, config: TrainConfig) -> Tensors:
    """A `models.data.Dataset` (or anything with its attributes) as the training sees it: fold chosen, labels randomised, numbers to
    predict standardised (an autoencoder's are its own features).

    Only training labels are ever randomised, and only training jets set mean and std. ValueError where the table is not of the task.
    """
    train, validation, test = (Part(torch.tensor(part.x), torch.tensor(part.y))
                               for part in (dataset.train, dataset.validation, dataset.test))
    mean, std = torch.tensor(dataset.mean), torch.tensor(dataset.std)
    if config.folds > 1:
        train, validation = choose_fold(train, validation, config.folds, config.fold)
        double = train.x.double()
        mean, std = double.mean(0).float(), double.std(0, correction=0).float()
        std = torch.where(std > 0, std, torch.ones_like(std))
    if config.random_labels:
        train = Part(train.x, randomise(train.y, config.random_labels, len(dataset.classes), config.seed))
    if config.task == "binary" and len(dataset.classes) != 2:
        raise ValueError(f"{dataset.name}: task binary needs 2 classes, not {len(dataset.classes)} ({', '.join(dataset.classes[:5])})")
    if config.task == "autoencoder":
        parts = (Part(part.x, (part.x - mean) / std) for part in (train, validation, test))
        return Tensors(*parts, mean, std, tuple(dataset.features))
    if config.task == "regression":
        centre, spread = train.y.mean(0), train.y.std(0, correction=0)
        spread = torch.where(spread > 0, spread, torch.ones_like(spread))
        parts = (Part(part.x, (part.y - centre) / spread) for part in (train, validation, test))
        return Tensors(*parts, mean, std, tuple(dataset.classes), centre, spread)
    return Tensors(train, validation, test, mean, std, tuple(dataset.classes))


def choose_fold(train: Part, validation: Part, folds: int, fold: int) -> tuple[Part, Part]:
    """Join both parts and cut them anew into `folds` equal folds, the same ones for every seed; fold number `fold` validates."""
    x, y = torch.cat([train.x, validation.x]), torch.cat([train.y, validation.y])
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(y)))
    held = order[fold::folds]
    rest = torch.ones(len(y), dtype=torch.bool)
    rest[held] = False
    return Part(x[rest], y[rest]), Part(x[held], y[held])


def randomise(y: Tensor, share: float, classes: int, seed: int) -> Tensor:
    """A copy of labels y [N] with round(share N) of them replaced by uniform random classes (the right one included)."""
    generator = np.random.default_rng([seed, 4])
    y = y.clone()
    chosen = torch.from_numpy(generator.permutation(len(y))[: round(share * len(y))])
    y[chosen] = torch.from_numpy(generator.integers(0, classes, len(chosen)))
    return y
