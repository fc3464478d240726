"""Changes of a shape by one step, each with what it does to the answers and to the area.

Of a weight: one digit less, or none left. Of a feature or neuron: its lowest bit less (the fraction changes), or its highest (the range
changes). What a change does is how far the answers move, the divergence from the shares of classes before to those after: what it does to
the loss has that and the loss's slope in it, which the next fit undoes, and which is noise far above what one change is worth. Divergences
are taken on samples; of the weights of a large network from the curvature that Fisher's information has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.widths.area import ACTIVATION, BIT, DIGIT
from models.widths.digits import count, nearest
from models.widths.fit import cross_entropy
from models.widths.network import Shape, WidthNet, quantised

CHUNK = 24
"""Moves that are tried at once."""


@dataclass
class Moves:
    """One row a move. kind: 0 a weight, 1 the lowest bit, 2 the highest; layer, and `at` (flat index of the weight in its layer, or the feature
    or neuron in front of the layer); loss, area: the divergence, and how the LUTs change; value: the weight afterwards."""

    kind: Tensor
    layer: Tensor
    at: Tensor
    loss: Tensor
    area: Tensor
    value: Tensor

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def joined(cls, parts: list[Moves]) -> Moves:
        return cls(*(torch.cat([vars(part)[name] for part in parts]) for name in cls.__dataclass_fields__))

    def of(self, rows: Tensor) -> Moves:
        return Moves(*(vars(self)[name][rows] for name in self.__dataclass_fields__))


class Trial:
    """A network on some samples: features [N, F] before they are quantised. `seed` draws labels from its answers."""

    def __init__(self, net: WidthNet, x: Tensor, seed: int):
        self.net, self.x = net, x
        self.weights, self.biases = net.effective()
        self.inputs, self.sums = net.forward(net.features(x), self.weights, self.biases)
        self.sharpness = net.sharpness
        self.shares = (self.sums[-1] * self.sharpness).softmax(1)
        self.entropy = cross_entropy(self.sums[-1] * self.sharpness, self.shares)
        self.digits = [count(weight) for weight in self.weights]
        drawn = torch.multinomial(self.shares, 1, generator=torch.Generator().manual_seed(seed))
        own = self.shares.scatter_add(1, drawn, -torch.ones_like(drawn, dtype=self.shares.dtype))
        deltas = net.back(self.inputs, self.sums, self.weights, own * self.sharpness)
        self.curvatures = [(delta**2).T @ a**2 / len(x) for delta, a in zip(deltas, self.inputs)]

    def divergence(self, logits: Tensor) -> Tensor:
        """Of logits [..., N, classes] from the network's own: [...]."""
        return cross_entropy(logits * self.sharpness, self.shares) - self.entropy

    def fewer_digits(self) -> Moves:
        """Every weight of several digits with one less; the divergence from the curvature."""
        return Moves.joined([self._fewer(layer) for layer in range(self.net.layers)])

    def fewer_weights(self) -> Moves:
        """Every weight with none; likewise."""
        return Moves.joined([self._fewer(layer, whole=True) for layer in range(self.net.layers)])

    def _fewer(self, layer: int, whole: bool = False) -> Moves:
        weight = self.weights[layer].reshape(-1)
        digits = self.digits[layer].reshape(-1)
        at = torch.nonzero(weight if whole else digits > 1).reshape(-1)
        digits = digits[at]
        flat = self.net.views(self.net.flat)[0][layer].reshape(-1)[at]
        value = torch.zeros_like(flat) if whole else nearest(flat, digits - 1)
        loss = 0.5 * self.curvatures[layer].reshape(-1)[at] * (value - weight[at]) ** 2
        less = count(value) - digits
        area = less * (self.net.shape.bits[layer].float()[at % self.weights[layer].shape[1]] * BIT + DIGIT)
        area += ACTIVATION * self._last_digit(layer, at, less)
        kind = torch.zeros_like(at)
        return Moves(kind, kind + layer, at, loss, area, value)

    def _last_digit(self, layer: int, at: Tensor, more: Tensor) -> Tensor:
        """Bits of the activation that goes with the last digit of its neuron, as a negative number."""
        if layer == self.net.layers - 1:
            return torch.zeros(len(at))
        rows = at // self.weights[layer].shape[1]
        gone = self.digits[layer].sum(1)[rows] + more <= 0
        return -(gone * self.net.shape.bits[layer + 1][rows]).float()

    def bits(self) -> Moves:
        """Features and neurons with a bit less at either end, on the samples."""
        return Moves.joined([self._bits(place, kind) for place in range(self.net.layers) for kind in (1, 2)])

    def _bits(self, place: int, kind: int) -> Moves:
        at = torch.nonzero((self.weights[place] != 0).any(0) & (self.net.shape.bits[place] > 0)).reshape(-1)
        source = self.x if place == 0 else self.sums[place - 1]
        values = quantised(source[:, at], _narrower(self.net.shape, place, at, kind))
        area = -(self.digits[place].sum(0)[at] * BIT + (ACTIVATION if place else 0))
        same = torch.zeros_like(at)
        return Moves(same + kind, same + place, at, self._after(place, at, values), area, torch.zeros(len(at)))

    def _after(self, place: int, at: Tensor, values: Tensor) -> Tensor:
        """The divergence [B] where input `at` [B] of layer `place` is values [N, B], one at a time."""
        found = []
        for start in range(0, len(at), CHUNK):
            part = slice(start, start + CHUNK)
            change = values[:, part] - self.inputs[place][:, at[part]]
            sums = self.sums[place][None] + change.T[:, :, None] * self.weights[place][:, at[part]].T[:, None, :]
            found.append(self._onward(place, sums))
        return torch.cat(found) if found else torch.zeros(0)

    def _onward(self, place: int, sums: Tensor) -> Tensor:
        """The divergence [B] for sums [B, N, MH] of layer `place`."""
        if place < self.net.layers - 1:
            a = quantised(sums, self.net.limits[place + 1])
            sums = self.net.forward(a, self.weights, self.biases, place + 1)[1][-1]
        return self.divergence(sums)

    def sampled(self, moves: Moves) -> Moves:
        """Weight moves with their divergence from the samples."""
        loss = moves.loss.clone()
        for layer in range(self.net.layers):
            rows = torch.nonzero(moves.layer == layer).reshape(-1)
            for start in range(0, len(rows), CHUNK):
                part = rows[start: start + CHUNK]
                loss[part] = self._weights_after(layer, moves.at[part], moves.value[part])
        return Moves(**{**vars(moves), "loss": loss})

    def _weights_after(self, layer: int, at: Tensor, value: Tensor) -> Tensor:
        rows, columns = at // self.weights[layer].shape[1], at % self.weights[layer].shape[1]
        change = (value - self.weights[layer].reshape(-1)[at])[:, None] * self.inputs[layer][:, columns].T
        sums = self.sums[layer].expand(len(at), -1, -1).clone()
        sums[torch.arange(len(at)), :, rows] += change
        return self._onward(layer, sums)


def _narrower(shape: Shape, place: int, at: Tensor, kind: int) -> tuple[Tensor, Tensor, Tensor]:
    """Shape.limits of `at` with a bit less."""
    fraction, bits = shape.fraction[place][at] - int(kind == 1), shape.bits[place][at] - 1
    one, alive = torch.exp2(-fraction.float()), (bits > 0).float()
    if place == 0:
        half = torch.exp2(bits.float() - 1)
        return -half * alive, (half - 1) * alive, one
    return torch.zeros_like(one), (torch.exp2(bits.float()) - 1) * alive, one


def apply(net: WidthNet, moves: Moves) -> None:
    """Take all of `moves`: at most one of each weight, and of each feature or neuron, is expected."""
    shape, (flat, _) = net.shape, net.views(net.flat)
    for layer in range(net.layers):
        mine = moves.of(torch.nonzero((moves.layer == layer) & (moves.kind == 0)).reshape(-1))
        if len(mine):
            shape.digits[layer].view(-1)[mine.at] = count(mine.value)
            flat[layer].view(-1)[mine.at] = mine.value
        for kind in (1, 2):
            mine = moves.of(torch.nonzero((moves.layer == layer) & (moves.kind == kind)).reshape(-1))
            shape.bits[layer][mine.at] -= 1
            if kind == 1:
                shape.fraction[layer][mine.at] -= 1
    tidy(shape)
    net.reshaped()


def tidy(shape: Shape) -> None:
    """Without weights of and to what is always zero."""
    for layer, digits in enumerate(shape.digits):
        digits[:, shape.bits[layer] <= 0] = 0
        if layer + 1 < len(shape.digits):
            dead = (digits.sum(1) == 0)
            shape.bits[layer + 1][dead] = 0
            shape.digits[layer + 1][:, dead] = 0
    for layer in range(len(shape.digits) - 1, 0, -1):
        unread = shape.digits[layer].sum(0) == 0
        shape.bits[layer][unread] = 0
        shape.digits[layer - 1][unread] = 0
