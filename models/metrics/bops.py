"""Bit operations of a network (Baskin et al.; Hawks et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Sequence


def layer_bops(inputs: int, outputs: int, pruned: float, activation_bits: int, weight_bits: int) -> float:
    """m n [(1 - f_p) b_a b_w + b_a + b_w + log2 n] for n inputs of b_a bits, m outputs, weights of b_w bits, a share f_p of
    them pruned."""
    product = (1 - pruned) * activation_bits * weight_bits
    return outputs * inputs * (product + activation_bits + weight_bits + math.log2(inputs))


def network_bops(
    widths: Sequence[int], pruned: Sequence[float], activation_bits: Sequence[int], weight_bits: Sequence[int]
) -> float:
    """Sum over the layers. `widths` has one entry more than the layers; the others one for each layer: `activation_bits` are
    those of its input, so the first entry is the width of the network's input (the paper's code says 32)."""
    layers = len(widths) - 1
    for name, values in (("pruned", pruned), ("activation_bits", activation_bits), ("weight_bits", weight_bits)):
        if len(values) != layers:
            raise ValueError(f"{name} has {len(values)} entries, the network has {layers} layers")
    return sum(map(layer_bops, widths, widths[1:], pruned, activation_bits, weight_bits))
