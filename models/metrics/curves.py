"""A classifier's test as a page shows it: accuracy, confusion matrix and, for each class, the ROC. What performance.json holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix, roc_curve

from models.metrics.performance import auc, binomial_error, signal_score

SCHEMA = 1
SIGNAL_EFFICIENCY = np.linspace(0, 1, 201)
"""Where the background efficiency is told: every half per cent."""
DIGITS = 6


def performance_of(scores: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> dict:
    """Of scores [N, classes], or of a single output [N, 1] that is positive for the second of two classes; labels y int64 [N].

    confusion  [true class][answered class], counts
    roc        for each class: area under it against all others, its error, and the background efficiency at each SIGNAL_EFFICIENCY
    """
    scores = np.asarray(scores, np.float64)
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    roc = {name: roc_of(scores, y, signal) for signal, name in enumerate(classes) if 0 < np.sum(y == signal) < len(y)}
    return {**performance_of_labels(scores.argmax(1), y, classes), "roc": roc}


def performance_of_labels(answered: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> dict:
    """Of answers that are labels, int64 [N]: without scores there is no ROC. An answer beyond the classes is wrong, and in no column."""
    share = float(np.mean(answered == y))
    counts = confusion_matrix(y, answered, labels=np.arange(len(classes)))
    return {"accuracy": share, "accuracy_error": rounded(binomial_error(share, len(y))), "samples": len(y), "confusion": counts.tolist()}


def roc_of(scores: np.ndarray, y: np.ndarray, signal: int) -> dict:
    """At each signal efficiency the least background efficiency that a cut on the score gives, interpolated between cuts."""
    area, (background, efficiency, _) = auc(scores, y, signal), roc_curve(y == signal, signal_score(scores, signal), drop_intermediate=False)
    reached, first = np.unique(efficiency, return_index=True)
    shares = np.interp(SIGNAL_EFFICIENCY, reached, background[first]).tolist()
    return {"auc": rounded(area.value), "auc_error": rounded(area.error), "background_efficiency": [rounded(share) for share in shares]}


def performance_file(nets: dict[str, dict], classes: Sequence[str], dataset: str, model: Path | None = None) -> dict:
    """The content of performance.json; `model` is the file that it belongs to."""
    of = {} if model is None else {"model_sha256": hashlib.sha256(model.read_bytes()).hexdigest()}
    return {"schema": SCHEMA, **of, "dataset": dataset, "classes": list(classes),
            "signal_efficiency": [rounded(share) for share in SIGNAL_EFFICIENCY.tolist()], "nets": nets}


def rounded(value: float) -> float:
    """To DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")
