"""Weights as sums of signed powers of two."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 4
"""Digits of a weight."""
FINEST, GREATEST = -12, 4
"""Exponents of two that a digit can have."""


def nearest(weights: Tensor, digits: Tensor, most: int = MOST) -> Tensor:
    """The nearest sum of at most `digits` (int, same shape, up to `most`) signed powers of two: each digit takes the power nearest to what
    is left."""
    left, sum_ = weights.clone(), torch.zeros_like(weights)
    for place in range(most):
        exponent = torch.floor(torch.log2(left.abs().mul_(4 / 3).clamp_min_(1e-30))).clamp_(max=GREATEST)
        taken = torch.exp2(exponent).mul_(left.sign()).mul_((exponent >= FINEST) & (digits > place))
        sum_ += taken
        left -= taken
    return sum_


def count(weights: Tensor) -> Tensor:
    """int64: nonzero digits of each weight in the form that has the fewest (no two neighbours). Weights are multiples of 2**FINEST."""
    whole = torch.round(weights.double() * 2.0**-FINEST).long().abs()
    mixed = (3 * whole) ^ whole
    found = torch.zeros_like(whole)
    for place in range(2, GREATEST - FINEST + 4):
        found += (mixed >> place - 1) & 1
    return found
