"""The network while it learns: weights, and the bits of each weight, feature and neuron, in one vector with slopes by hand.

Numbers are rounded to whole bits, and slopes go straight through the rounding. A fraction's slope is that of the rounding error, which halves
with each bit: d rounded / d bits = ln 2 * (x - rounded), as in HGQ (arXiv 2405.00645); what is clipped pulls at the bits in front of the point.
A weight that rounds to zero is not there, and comes back where its slope pulls it, or its bits, far enough.
Weights multiply what their input differs from its running mean, so that one more step of a weight moves no neuron's mean: without this, small
networks lose a whole per cent of accuracy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.widths.layout import Layout, all_of
from models.widths.network import Network

LN2 = math.log(2)
FOLLOW = 0.03
"""Of a batch's mean that goes into the running mean."""


@dataclass
class Rounded:
    """A learner's numbers, rounded. Of all weights in a row: their values and the whole numbers `steps`, not rounded, that they are in their own
    last bits. By place: whole bits behind the point, all bits but a sign, value of one turned over, greatest whole number."""

    weights: Tensor
    steps: Tensor
    fraction: list[Tensor]
    bits: list[Tensor]
    scale: list[Tensor]
    high: list[Tensor]


class Learner:
    """`vector` of a `layout`; `living` [sizes of all places, classes too] are the indices of its features, neurons and classes in the whole
    network of `sizes`; `means` [sizes of all places but classes] the running means of what they give, to which the biases are relative."""

    def __init__(self, layout: Layout, vector: Tensor):
        self.layout, self.vector = layout, vector
        self.sizes = layout.sizes
        self.living = [torch.arange(width) for width in layout.sizes]
        self.means = [torch.zeros(width) for width in layout.sizes[:-1]]

    def rounded(self) -> Rounded:
        layout, vector = self.layout, self.vector
        scale = torch.exp2(torch.round(vector[all_of(layout.weight_fractions)]))
        steps = vector[all_of(layout.weights)] * scale
        fraction, whole = (torch.round(vector[all_of(part)]) for part in (layout.fractions, layout.wholes))
        bits = (fraction + whole).clamp_(min=0)
        parts = (part.split(layout.sizes[:-1]) for part in (fraction, bits, torch.exp2(fraction), torch.exp2(bits) - 1))
        return Rounded(torch.floor(steps + 0.5).div_(scale), steps, *map(list, parts))

    def slopes(self, x: Tensor, targets: Tensor) -> Tensor:
        """Of the mean cross-entropy on living features x [N, F] and shares of classes [N, classes], in the form of `vector`.

        Sums are in the last bits of what they are rounded to: u, rounded r, u - r beyond ±1/2 where it is clipped.
        """
        now, layout, found = self.rounded(), self.layout, torch.empty_like(self.vector)
        numbers, errors, matrices, sums = self._forward(now, x)
        sharpness = self.vector[layout.sharpness].exp()
        delta = (sums * sharpness).softmax(1).sub_(targets).mul_(sharpness / len(x))
        found[layout.sharpness] = (delta * sums).sum()
        for layer in reversed(range(layout.layers)):
            ahead = now.scale[layer + 1] if layer + 1 < layout.layers else torch.ones(1)
            together = delta.sum(0)
            product = (delta.T @ numbers[layer]).div_(now.scale[layer]).addr_(together, self.means[layer], alpha=-1)
            found[layout.weights[layer]] = product.mul_(ahead[:, None]).reshape(-1)
            found[layout.biases[layer]] = together.mul_(ahead)
            pulled, error = delta @ matrices[layer], errors[layer]
            delta = pulled.masked_fill(error.abs() > 0.5, 0)
            over = pulled.masked_fill(error <= 0.5, 0).sum(0)
            found[layout.fractions[layer]] = ((delta * error).sum(0) + over) * LN2
            if layer == 0:
                over = over - pulled.masked_fill_(error >= -0.5, 0).sum(0)
            found[layout.wholes[layer]] = over * (now.high[layer] + 1) * LN2
        weights = all_of(layout.weights)
        found[all_of(layout.weight_fractions)] = found[weights] * (self.vector[weights] - now.weights) * LN2
        return found

    def _forward(self, now: Rounded, x: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor], Tensor]:
        """(whole numbers and u - r of each place, each layer's weights between such numbers, logits)."""
        layout, numbers, errors, matrices = self.layout, [], [], []
        sums = x * now.scale[0]
        for layer in range(layout.layers):
            whole = (sums + 0.5).floor_()
            whole = torch.maximum(whole, -now.high[0] - (now.high[0] > 0).float()) if layer == 0 else whole.clamp_(min=0)
            numbers.append(torch.minimum(whole, now.high[layer]))
            errors.append(sums.sub_(numbers[-1]))
            self.means[layer].lerp_(numbers[-1].mean(0).div_(now.scale[layer]), FOLLOW)
            matrix, bias = layout.matrix(now.weights, layout.weights, layer) / now.scale[layer], self.bias(now, layer)
            if layer + 1 < layout.layers:
                matrix, bias = matrix * now.scale[layer + 1][:, None], bias * now.scale[layer + 1]
            matrices.append(matrix)
            sums = torch.addmm(bias, numbers[-1], matrix.T)
        return numbers, errors, matrices, sums

    def bias(self, now: Rounded, layer: int) -> Tensor:
        """As the hardware has it: not relative to the means."""
        return self.vector[self.layout.biases[layer]] - self.layout.matrix(now.weights, self.layout.weights, layer) @ self.means[layer]

    def network(self) -> Network:
        """As it is, in the places of the whole network."""
        now, layout = self.rounded(), self.layout
        weights, biases, fraction, bits = [], [], [], []
        for layer, (rows, columns) in enumerate(zip(self.living[1:], self.living)):
            weights.append(torch.zeros(self.sizes[layer + 1], self.sizes[layer]))
            weights[-1][rows[:, None], columns] = layout.matrix(now.weights, layout.weights, layer)
            biases.append(spread(self.bias(now, layer), rows, self.sizes[layer + 1]))
            fraction.append(spread(now.fraction[layer], columns, self.sizes[layer]).long())
            alive = now.bits[layer] + (now.bits[layer] > 0) * (layer == 0)
            bits.append(spread(alive, columns, self.sizes[layer]).long())
        return Network(weights, biases, fraction, bits, self.vector[layout.sharpness].exp().item())

    def compact(self, *beside: Tensor) -> list[Tensor]:
        """Without features and neurons that are constant or have no reader: the answers stay, and what is gone does not come back. Returns
        what is left of the vectors `beside`, of the form of `vector`."""
        network = self.network().tidied()
        alive = [bits[living] > 0 for bits, living in zip(network.bits, self.living)] + [torch.ones(self.sizes[-1], dtype=torch.bool)]
        kept = self.layout.kept(alive)
        self.vector = self.vector[kept]
        self.living = [living[left] for living, left in zip(self.living, alive)]
        self.means = [means[left] for means, left in zip(self.means, alive)]
        self.layout = Layout(tuple(map(len, self.living)))
        for layer, (rows, columns) in enumerate(zip(self.living[1:], self.living)):
            centred = network.biases[layer] + network.weights[layer][:, columns] @ self.means[layer]
            self.vector[self.layout.biases[layer]] = centred[rows]
        return [vector[kept] for vector in beside]


def spread(values: Tensor, places: Tensor, width: int) -> Tensor:
    """[width], zero but at `places`."""
    return torch.zeros(width).index_copy_(0, places, values)
