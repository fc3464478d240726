"""LUTs that a network takes, as a sum over its weights and neurons that is cheap enough to ask for each change.

An adder tree takes about one LUT for each bit that it adds, but for those of its result; an activation one for each bit that it gives.
"""

from __future__ import annotations

from torch import Tensor

from models.widths.digits import count
from models.widths.network import Shape

DIGIT = 0.0
BIT = 1.0
ACTIVATION = 1.0

def area(shape: Shape, weights: list[Tensor]) -> float:
    """Of quantised weights [MH, MW]."""
    return sum(float(part.sum()) for part in by_neuron(shape, weights))

def by_neuron(shape: Shape, weights: list[Tensor]) -> list[Tensor]:
    """float32 [MH] of each layer."""
    found = []
    for place, weight in enumerate(weights):
        digits, bits = count(weight).float(), shape.bits[place].float()
        total = (digits * (bits * BIT + DIGIT)).sum(1)
        first = (bits * (weight != 0)).max(1).values
        total = (total - first * BIT).clamp_min(0)
        if place < len(weights) - 1:
            total += ACTIVATION * shape.bits[place + 1] * (digits.sum(1) > 0)
        found.append(total)
    return found
