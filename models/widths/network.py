"""The network as numbers: weights and biases as the hardware has them, and the bits of each feature and neuron."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Network:
    """weights   of each layer [MH, MW], float32: multiples of powers of two
    biases    of each layer [MH], float32
    fraction  of the features and of each hidden layer [width], int64: bits behind the binary point
    bits      likewise: all bits, the features' sign included; 0 is a value that is always zero
    sharpness what the outputs are multiplied by before the softmax, in the loss alone
    """

    weights: list[Tensor]
    biases: list[Tensor]
    fraction: list[Tensor]
    bits: list[Tensor]
    sharpness: float = 1.0

    @property
    def layers(self) -> int:
        return len(self.weights)

    def limits(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        """(least, greatest whole number, value of one) of the features (place 0) or of hidden layer `place`; float32 [width]."""
        one, alive = torch.exp2(-self.fraction[place].float()), (self.bits[place] > 0).float()
        if place == 0:
            half = torch.exp2(self.bits[0].float() - 1)
            return -half * alive, (half - 1) * alive, one
        return torch.zeros_like(one), (torch.exp2(self.bits[place].float()) - 1) * alive, one

    def quantised(self, place: int, x: Tensor) -> Tensor:
        """Rounded half up, and clipped; x [..., width] and the result in real values."""
        low, high, one = self.limits(place)
        return torch.floor_(x / one + 0.5).clamp_(low, high).mul_(one)

    def logits(self, x: Tensor) -> Tensor:
        """Centred features [N, F] -> logits [N, classes]."""
        for place in range(self.layers):
            x = torch.addmm(self.biases[place], self.quantised(place, x), self.weights[place].T)
        return x

    def tidied(self) -> Network:
        """The same answers without what is always constant or has no reader."""
        weights, biases, bits = ([part.clone() for part in parts] for parts in (self.weights, self.biases, self.bits))
        for layer in range(self.layers):
            if layer:
                constant = ((weights[layer - 1] != 0).sum(1) == 0) & (bits[layer] > 0)
                biases[layer] += weights[layer][:, constant] @ self.quantised(layer, biases[layer - 1])[constant]
                bits[layer][constant] = 0
            weights[layer][:, bits[layer] == 0] = 0
        for layer in range(self.layers - 1, 0, -1):
            unread = (weights[layer] != 0).sum(0) == 0
            bits[layer][unread] = 0
            weights[layer - 1][unread] = 0
        bits[0][(weights[0] != 0).sum(0) == 0] = 0
        return replace(self, weights=weights, biases=biases, bits=bits)
