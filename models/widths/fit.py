"""Adam on a WidthNet, straight through its roundings."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.widths.network import WidthNet


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


def adam_of(net: WidthNet) -> torch.optim.Adam:
    """Of all that a network has; kept from round to round."""
    return torch.optim.Adam([net.flat])


def fit(net: WidthNet, adam: torch.optim.Adam, features: Tensor, targets: Tensor, batches: Batches, steps: int, rate: float,
        cosine: bool = False) -> None:
    """`steps` of Adam at `rate`, or falling to zero by a `cosine`. Features are those of the network's shape (quantised), targets shares of
    classes [N, classes]."""
    for number in range(steps):
        rows = batches()
        adam.param_groups[0]["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * number / steps)) if cosine else rate
        net.flat.grad = gradient(net, features[rows], targets[rows])
        adam.step()


def gradient(net: WidthNet, features: Tensor, targets: Tensor) -> Tensor:
    """Of the mean cross-entropy, in the form of net.flat."""
    weights, biases = net.effective()
    inputs, sums = net.forward(features, weights, biases)
    wrong = ((sums[-1] * net.sharpness).softmax(1) - targets) * (net.sharpness / len(features))
    return net.gradient(inputs, net.back(inputs, sums, weights, wrong), (wrong * sums[-1]).sum())


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over the next-to-last axis: logits [..., N, classes] -> [...]."""
    return -(logits.log_softmax(-1) * targets).sum(-1).mean(-1)
