"""What a network's integer weights cost as constants in hardware, before any synthesis."""

from __future__ import annotations

import numpy as np


def nonzeros(weights: list[np.ndarray]) -> int:
    return int(sum(np.count_nonzero(w) for w in weights))


def signed_digits(weights: np.ndarray) -> np.ndarray:
    """Nonzero digits of each integer in canonical signed digit form: the ones in w xor 3w (Reitwiesner 1960)."""
    weights = np.abs(np.asarray(weights, dtype=np.int64))
    return np.bitwise_count(weights ^ (3 * weights)).astype(np.int64)


def digits(weights: list[np.ndarray]) -> int:
    return int(sum(signed_digits(w).sum() for w in weights))


def adders(weights: list[np.ndarray]) -> int:
    """Two-input adders of the constant-weight network without sharing: per neuron, nonzero signed digits minus one."""
    return int(sum(np.maximum(signed_digits(w).sum(1) - 1, 0).sum() for w in weights))
