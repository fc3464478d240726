"""How much of a network's capacity its activations use: neural efficiency and aIQ (Schaub and Hotaling 2020)."""

from __future__ import annotations

import numpy as np


def state_entropy(activations: np.ndarray) -> float:
    """Bits: -sum p log2 p over the distinct states 1[x > 0] of a layer's neurons seen in activations [N, neurons]."""
    packed = np.packbits(np.asarray(activations) > 0, axis=1)
    _, counts = np.unique(packed, axis=0, return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def layer_efficiency(activations: np.ndarray) -> float:
    """eta_l = H_l / N_l, with N_l neurons."""
    return state_entropy(activations) / np.asarray(activations).shape[1]


def neural_efficiency(layers: list[np.ndarray]) -> float:
    """Geometric mean of the layers' efficiencies; `layers` are hidden activations [N, neurons]."""
    efficiencies = np.array([layer_efficiency(activations) for activations in layers])
    return 0.0 if np.any(efficiencies == 0) else float(np.exp(np.log(efficiencies).mean()))


def aiq(performance: float, efficiency: float) -> float:
    """(A^2 eta)^(1/3). `performance` A: here the test accuracy; `efficiency` eta: the neural efficiency."""
    return float(np.cbrt(performance**2 * efficiency))
