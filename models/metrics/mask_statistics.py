"""How sure and how varied the masks of dynamic probabilistic pruning are. The formulas are ours, not the paper's."""

from __future__ import annotations

import numpy as np


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis of logits [rows, n]."""
    logits = np.asarray(logits, dtype=np.float64)
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def entropy(p: np.ndarray) -> np.ndarray:
    """Bits, over the last axis."""
    return -(p * np.log2(np.where(p > 0, p, 1.0))).sum(-1) + 0.0


def confidence(logits: np.ndarray) -> float:
    """1 - mean_m H(P_m) / log2 n with P_m = softmax(D_m): 0 for uniform rows, 1 where each row is sure of one input."""
    p = probabilities(logits)
    return float(1 - entropy(p).mean() / np.log2(p.shape[-1]))


def diversity(logits: np.ndarray) -> float:
    """[H(mean_m P_m) - mean_m H(P_m)] / log2 n: 0 where all rows want the same inputs, up to 1 where each wants its own."""
    p = probabilities(logits)
    return float((entropy(p.mean(0)) - entropy(p).mean()) / np.log2(p.shape[-1]))
