"""LUTs that a network takes, as a sum over its weights and neurons that is cheap enough to ask for at each step.

An adder tree takes about one LUT for each bit that it adds, but for those of its result; an activation one for each bit that it gives.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.widths.digits import count
from models.widths.learner import Learner
from models.widths.network import Network

BIT = 1.0
ACTIVATION = 1.0
DIGITS_A_BIT = 1 / 3
"""Digits that one bit more gives a weight, on average."""


def area(network: Network) -> float:
    """Of a tidied network."""
    found = 0.0
    for layer, (weights, bits) in enumerate(zip(network.weights, network.bits)):
        first = (bits * (weights != 0)).max(1).values
        found += BIT * float(((count(weights) * bits).sum(1) - first).clamp_min(0).sum())
        found += ACTIVATION * float(bits.sum()) if layer else 0.0
    return found


def area_slopes(learner: Learner) -> Tensor:
    """Of the LUTs, in the form of the learner's vector: digits as an even function of a weight's bits, the first of a neuron not free."""
    now, layout, found = learner.rounded(), learner.layout, torch.zeros_like(learner.vector)
    bits = torch.log2(now.steps.abs().clamp_min_(1e-9)) + 1
    alive = (now.weights != 0).float()
    digits = (1 + (bits - 1).clamp_min(0) * DIGITS_A_BIT) * alive
    each = torch.where(bits > 1, DIGITS_A_BIT, 1.0) * alive
    for layer in range(layout.layers):
        width = (now.bits[layer] + (layer == 0)) * (now.bits[layer] > 0)
        readers = layout.matrix(digits, layout.weights, layer).sum(0)
        found[layout.fractions[layer]] = (BIT * readers + ACTIVATION * (layer > 0)) * (now.bits[layer] > 0)
        found[layout.wholes[layer]] = found[layout.fractions[layer]]
        layout.matrix(found, layout.weight_fractions, layer).copy_(layout.matrix(each, layout.weights, layer) * (BIT * width))
    return found
