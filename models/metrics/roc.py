"""ROC, its area and confusion matrix, as scikit-learn has them, whose import takes two seconds of a build."""

from __future__ import annotations

import numpy as np


def roc_curve(is_signal: np.ndarray, score: np.ndarray, corners: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(background, signal) efficiencies of cuts on `score` [N], from (0, 0), one for each value of it, the greatest first; `is_signal` bool
    [N]. `corners`: without points on a straight line through their neighbours."""
    order = np.argsort(score, kind="stable")[::-1]
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    signals = np.cumsum(is_signal[order])[last]
    backgrounds = 1 + last - signals
    if corners and len(last) > 2:
        bent = np.concatenate([[True], (np.diff(backgrounds, 2) != 0) | (np.diff(signals, 2) != 0), [True]])
        signals, backgrounds = signals[bent], backgrounds[bent]
    return np.append(0, backgrounds) / backgrounds[-1], np.append(0, signals) / signals[-1]


def roc_area(is_signal: np.ndarray, score: np.ndarray) -> float:
    background, signal = roc_curve(is_signal, score)
    return float(np.trapezoid(signal, background))


def confusion_matrix(y: np.ndarray, answered: np.ndarray, classes: int) -> np.ndarray:
    """int64 [classes, classes]: how many samples of each class were answered so. An answer beyond the classes is in no column."""
    inside = (answered >= 0) & (answered < classes)
    return np.bincount((y * classes + answered)[inside], minlength=classes * classes).reshape(classes, classes)
