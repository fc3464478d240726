"""How well a classifier separates the classes: accuracy, AUC, background efficiency; each with its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve


@dataclass(frozen=True)
class Value:
    """A measured value and one standard error."""

    value: float
    error: float


def accuracy(scores: np.ndarray, y: np.ndarray) -> Value:
    """Share of samples whose greatest score is the label's. scores [N, classes], y [N]. Binomial error."""
    share = float(np.mean(scores.argmax(1) == y))
    return Value(share, binomial_error(share, len(y)))


def auc(scores: np.ndarray, y: np.ndarray, signal: int) -> Value:
    """Area under the ROC of class `signal` against all others. Error: Hanley and McNeil 1982."""
    is_signal = y == signal
    area = float(roc_auc_score(is_signal, signal_score(scores, signal)))
    signals, backgrounds = int(is_signal.sum()), int((~is_signal).sum())
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (signals - 1) * (q1 - area**2) + (backgrounds - 1) * (q2 - area**2)
    return Value(area, float(np.sqrt(max(variance, 0.0) / (signals * backgrounds))))


def mean_auc(scores: np.ndarray, y: np.ndarray) -> Value:
    """Mean over the classes of the one-against-rest AUC; errors added in quadrature."""
    values = [auc(scores, y, signal) for signal in range(scores.shape[1])]
    return Value(float(np.mean([v.value for v in values])), float(np.sqrt(sum(v.error**2 for v in values)) / len(values)))


def background_efficiency(scores: np.ndarray, y: np.ndarray, signal: int, signal_efficiency: float = 0.5) -> Value:
    """Share of other classes' samples accepted where `signal_efficiency` of class `signal` is, interpolated on the ROC.
    Binomial error of the background sample."""
    is_signal = y == signal
    false_positive, true_positive, _ = roc_curve(is_signal, signal_score(scores, signal))
    share = float(np.interp(signal_efficiency, true_positive, false_positive))
    return Value(share, binomial_error(share, int((~is_signal).sum())))


def signal_score(scores: np.ndarray, signal: int) -> np.ndarray:
    """Softmax probability of class `signal` for logits [N, classes], in double precision."""
    scores = np.asarray(scores, dtype=np.float64)
    exponentials = np.exp(scores - scores.max(1, keepdims=True))
    return exponentials[:, signal] / exponentials.sum(1)


def binomial_error(share: float, samples: int) -> float:
    return float(np.sqrt(share * (1 - share) / samples))
