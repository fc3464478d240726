"""What a network is trained for: what its outputs are, the loss, and the figure by which nets are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from models.metrics.performance import Value, binomial_error

TASKS = ("classes", "binary", "regression", "autoencoder")


@dataclass(frozen=True)
class Objective:
    """loss: of outputs [N, T] and labels, a mean (or what `reduction` says). losses: of S nets at once, outputs [S, T, N] -> [S]. score: with its standard
    error, the greater the better; `figure` is its name."""

    loss: Callable[..., Tensor]
    losses: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor], Value]
    figure: str


def outputs(task: str, classes: int) -> int:
    """How many outputs the network has: one for each class or number, one alone for two classes told apart by its sign."""
    return 1 if task == "binary" else classes


def right_class(logits: Tensor, y: Tensor) -> Value:
    """Share of samples whose greatest logit (the first of equal ones) is the label's."""
    return share(logits.argmax(1) == y)


def right_sign(logits: Tensor, y: Tensor) -> Value:
    """Share of samples whose only logit is above zero where the label is 1."""
    return share((logits[:, 0] > 0) == (y == 1))


def share(right: Tensor) -> Value:
    value = right.double().mean().item()
    return Value(value, binomial_error(value, len(right)))


def r_squared(outputs: Tensor, y: Tensor) -> Value:
    """1 - the mean square of what is left over that of the targets [N, T], over all of them. Error: of the numerator's mean alone."""
    left = ((outputs - y).double() ** 2).mean(1)
    spread = ((y - y.mean(0)).double() ** 2).mean().item() or 1.0
    return Value(1 - left.mean().item() / spread, left.std().item() / np.sqrt(len(left)) / spread)


def binary_loss(logits: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    return F.binary_cross_entropy_with_logits(logits[:, 0], y.to(logits.dtype), reduction=reduction)


def binary_losses(logits: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits[:, 0], y.to(logits.dtype), reduction="none").mean(1)


def square_losses(outputs: Tensor, y: Tensor) -> Tensor:
    return ((outputs.transpose(1, 2) - y) ** 2).mean((1, 2))


NUMBERS = Objective(F.mse_loss, square_losses, r_squared, "R²")
OBJECTIVES = {
    "classes": Objective(F.cross_entropy, lambda logits, y: F.cross_entropy(logits, y, reduction="none").mean(1), right_class,
                         "accuracy"),
    "binary": Objective(binary_loss, binary_losses, right_sign, "accuracy"),
    "regression": NUMBERS,
    "autoencoder": NUMBERS,
}
