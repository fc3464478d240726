"""Adam on a WidthNet, straight through its roundings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.widths.network import WidthNet

BETAS, EPSILON = (0.9, 0.999), 1e-8


@dataclass
class Adam:
    """State of the optimiser of one network, kept from round to round."""

    mean: Tensor
    square: Tensor
    steps: int = 0

    @classmethod
    def of(cls, net: WidthNet) -> Adam:
        return cls(torch.zeros_like(net.flat), torch.zeros_like(net.flat))

    def step(self, flat: Tensor, gradient: Tensor, rate: float) -> None:
        self.steps += 1
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        size = rate * math.sqrt(1 - BETAS[1] ** self.steps) / (1 - BETAS[0] ** self.steps)
        flat.addcdiv_(self.mean, self.square.sqrt().add_(EPSILON), value=-size)


class Batches:
    """Endless shuffled batches of the rows of x and their targets."""

    def __init__(self, rows: int, size: int, seed: int):
        self.rows, self.size, self.generator = rows, min(size, rows), torch.Generator().manual_seed(seed)
        self.order, self.place = torch.empty(0, dtype=torch.int64), rows

    def __call__(self) -> Tensor:
        if self.place + self.size > self.rows:
            self.order, self.place = torch.randperm(self.rows, generator=self.generator), 0
        self.place += self.size
        return self.order[self.place - self.size: self.place]


def fit(net: WidthNet, adam: Adam, features: Tensor, targets: Tensor, batches: Batches, steps: int, rate: float, cosine: bool = False) -> None:
    """`steps` of Adam at `rate`, or falling to zero by a `cosine`. Features are those of the network's shape (quantised), targets shares of
    classes [N, classes]."""
    for number in range(steps):
        rows = batches()
        now = rate * (0.5 + 0.5 * math.cos(math.pi * number / steps)) if cosine else rate
        adam.step(net.flat, gradient(net, features[rows], targets[rows]), now)


def gradient(net: WidthNet, features: Tensor, targets: Tensor) -> Tensor:
    """Of the mean cross-entropy, in the form of net.flat."""
    weights, biases = net.effective()
    inputs, sums = net.forward(features, weights, biases)
    wrong = ((sums[-1] * net.sharpness).softmax(1) - targets) * (net.sharpness / len(features))
    return net.gradient(inputs, net.back(inputs, sums, weights, wrong), (wrong * sums[-1]).sum())


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over the next-to-last axis: logits [..., N, classes] -> [...]."""
    return -(logits.log_softmax(-1) * targets).sum(-1).mean(-1)
