"""Where the parts of a learning network lie in one vector."""

from __future__ import annotations

import torch
from torch import Tensor


class Layout:
    """Slices of the vector of a network of `sizes`: features, hidden layers, classes.

    weights, weight_fractions  of each layer [MH * MW]; bits of a weight behind the binary point, before rounding
    biases                     of each layer [MH]
    fractions, wholes          of the features and each hidden layer [width]: bits behind and before the binary point, before rounding
    sharpness                  [1], the logarithm of what the outputs are multiplied by before the softmax
    """

    def __init__(self, sizes: tuple[int, ...]):
        self.sizes, self.size = sizes, 0
        self.shapes = [(fan_out, fan_in) for fan_in, fan_out in zip(sizes, sizes[1:])]
        products = [fan_out * fan_in for fan_out, fan_in in self.shapes]
        self.weights, self.weight_fractions = self._next(products), self._next(products)
        self.biases = self._next(sizes[1:])
        self.fractions, self.wholes = self._next(sizes[:-1]), self._next(sizes[:-1])
        self.sharpness = self._next([1])[0]

    def _next(self, lengths) -> list[slice]:
        made = []
        for length in lengths:
            made.append(slice(self.size, self.size + length))
            self.size += length
        return made

    @property
    def layers(self) -> int:
        return len(self.shapes)

    def matrix(self, vector: Tensor, part: list[slice], layer: int) -> Tensor:
        """View of one layer's weights or their fractions, [MH, MW]."""
        return vector[part[layer]].view(self.shapes[layer])

    def kept(self, alive: list[Tensor]) -> Tensor:
        """bool [size]: what is left if only the features, neurons and classes `alive` (bool [width] each) are."""
        matrices = [(alive[layer + 1][:, None] & alive[layer]).reshape(-1) for layer in range(self.layers)]
        return torch.cat([*matrices, *matrices, *alive[1:], *alive[:-1], *alive[:-1], torch.ones(1, dtype=torch.bool)])


def all_of(parts: list[slice]) -> slice:
    """Neighbouring slices as one."""
    return slice(parts[0].start, parts[-1].stop)
