"""Weights as sums of signed powers of two."""

from __future__ import annotations

import torch
from torch import Tensor

FINEST, GREATEST = -12, 4
"""Exponents of two that a digit of a weight can have."""


def count(weights: Tensor) -> Tensor:
    """int64: nonzero digits of each weight in the form that has the fewest (no two neighbours). Weights are multiples of 2**FINEST."""
    whole = torch.round(weights.double() * 2.0**-FINEST).long().abs()
    mixed = (3 * whole) ^ whole
    found = torch.zeros_like(whole)
    for place in range(2, GREATEST - FINEST + 4):
        found += (mixed >> place - 1) & 1
    return found
