"""The folding of every layer for a wanted rate."""

from __future__ import annotations

from dataclasses import replace

from finn_steps.accelerator import Accelerator, Folding, SparseLayer


def choose_foldings(accelerator: Accelerator, target_ii: int) -> dict[str, Folding]:
    """Layer name -> Folding such that the network takes a frame every `target_ii` cycles at the most.

    ValueError, saying what is possible, where a layer cannot be that fast.
    """
    if target_ii == 1:
        return {layer.name: Folding("unrolled") for layer in accelerator.layers}
    return {layer.name: least_folded(layer, target_ii) for layer in accelerator.layers}


def least_folded(layer: SparseLayer, target_ii: int) -> Folding:
    """The legal PE and SIMD with the fewest multipliers whose schedule fits in `target_ii` cycles; unrolled where none does."""
    for PE, SIMD in sorted(legal_foldings(layer), key=lambda pair: (pair[0] * pair[1], pair[1])):
        if layer.nonzeros > target_ii * PE * SIMD:
            continue
        candidate = replace(layer, folding=Folding("folded", PE, SIMD))
        if candidate.cycles <= target_ii:
            return candidate.folding
    return Folding("unrolled")


def legal_foldings(layer: SparseLayer) -> list[tuple[int, int]]:
    """All (PE, SIMD) with PE a divisor of MH and SIMD one of MW."""
    return [(PE, SIMD) for PE in divisors(layer.MH) for SIMD in divisors(layer.MW)]


def divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
