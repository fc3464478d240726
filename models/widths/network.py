"""The network as numbers: float weights and biases, and how many digits and bits each has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.widths.digits import nearest


@dataclass
class Shape:
    """What costs area. All int64.

    digits    of each layer [MH, MW]: signed digits that a weight may have; 0 is a weight that is not there
    fraction  of the features and of each hidden layer [width]: bits behind the binary point
    bits      likewise: all bits, the features' sign included; 0 is a value that is always zero
    """

    digits: list[Tensor]
    fraction: list[Tensor]
    bits: list[Tensor]

    def copy(self) -> Shape:
        return Shape(*([part.clone() for part in parts] for parts in (self.digits, self.fraction, self.bits)))

    def limits(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        """(least, greatest whole number, value of one) of the features (place 0) or of hidden layer `place`; float32 [width]."""
        one, alive = torch.exp2(-self.fraction[place].float()), (self.bits[place] > 0).float()
        if place == 0:
            half = torch.exp2(self.bits[0].float() - 1)
            return -half * alive, (half - 1) * alive, one
        return torch.zeros_like(one), (torch.exp2(self.bits[place].float()) - 1) * alive, one


def quantised(x: Tensor, limits: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Rounded half up, and clipped; x [..., width] and the result in real values."""
    low, high, one = limits
    return torch.floor_(x / one + 0.5).clamp_(low, high).mul_(one)


class WidthNet:
    """weights [MH, MW] and biases [MH] of each layer are views into the one vector `flat`, float32; `shape` says what is left of them. The last
    element of `flat` is the logarithm of what the outputs are multiplied by before the softmax: in the loss alone."""

    def __init__(self, weights: list[Tensor], biases: list[Tensor], shape: Shape):
        parts = [*weights, *biases, torch.zeros(1)]
        self.flat = torch.cat([part.reshape(-1).float() for part in parts])
        self.sizes = [part.shape for part in parts]
        self.count = sum(weight.numel() for weight in weights)
        self.shape = shape
        self.reshaped()

    def copy(self) -> WidthNet:
        made = WidthNet(*self.views(self.flat), self.shape.copy())
        made.flat[-1] = self.flat[-1]
        return made

    @property
    def layers(self) -> int:
        return len(self.shape.digits)

    def reshaped(self) -> None:
        """To be called when `shape` has changed."""
        self.flat_digits = torch.cat([part.reshape(-1) for part in self.shape.digits])
        self.most = int(self.flat_digits.max())
        self.limits = [self.shape.limits(place) for place in range(self.layers)]

    def views(self, vector: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """`vector`, of the form of `flat`, as weights and biases."""
        parts = [part.view(size) for part, size in zip(vector.split([size.numel() for size in self.sizes]), self.sizes)]
        return parts[: self.layers], parts[self.layers: -1]

    @property
    def sharpness(self) -> Tensor:
        return self.flat[-1].exp()

    def effective(self) -> tuple[list[Tensor], list[Tensor]]:
        """The weights as the hardware has them, and the biases."""
        vector = self.flat.clone()
        vector[: self.count] = nearest(self.flat[: self.count], self.flat_digits, self.most)
        return self.views(vector)

    def features(self, x: Tensor) -> Tensor:
        """Standardised features -> what the first layer sees."""
        return quantised(x, self.limits[0])

    def forward(self, a: Tensor, weights: list[Tensor], biases: list[Tensor], start: int = 0) -> tuple[list[Tensor], list[Tensor]]:
        """(the inputs of each layer from `start` on, its sums) for a [..., width], the input of layer `start`."""
        inputs, sums = [], []
        for place in range(start, self.layers):
            inputs.append(a)
            sums.append(torch.nn.functional.linear(a, weights[place], biases[place]))
            if place < self.layers - 1:
                a = quantised(sums[-1], self.limits[place + 1])
        return inputs, sums

    def back(self, inputs: list[Tensor], sums: list[Tensor], weights: list[Tensor], delta: Tensor) -> list[Tensor]:
        """The gradient with respect to each layer's sums, [N, MH], of the last's `delta`: straight through where nothing is clipped."""
        deltas = [delta]
        for place in range(self.layers - 1, 0, -1):
            _, high, one = self.limits[place]
            inside = (sums[place - 1] > 0) & (sums[place - 1] < (high + 0.5) * one)
            deltas.insert(0, deltas[0] @ weights[place] * inside)
        return deltas

    def gradient(self, inputs: list[Tensor], deltas: list[Tensor], sharpness: Tensor) -> Tensor:
        """In the form of `flat`, whose last element's is `sharpness`."""
        parts = [delta.T @ a for delta, a in zip(deltas, inputs)] + [delta.sum(0) for delta in deltas]
        return torch.cat([*(part.reshape(-1) for part in parts), sharpness.reshape(1)])

    def logits(self, x: Tensor) -> Tensor:
        """Standardised features [N, F] -> logits [N, classes]."""
        return self.forward(self.features(x), *self.effective())[1][-1]
