"""ROC, area and confusion against scikit-learn's, bit by bit."""

import numpy as np
import pytest
from sklearn import metrics

from models.metrics.roc import confusion_matrix, roc_area, roc_curve


@pytest.mark.parametrize("seed", range(20))
def test_as_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    samples = int(rng.integers(2, 3000)) if seed else 2
    score = rng.normal(size=samples) if seed % 2 else rng.integers(0, 1 + seed, samples) / 7  # many are equal
    is_signal = np.append(rng.random(samples - 2) < rng.random(), [True, False])
    for corners in (True, False):
        background, signal, _ = metrics.roc_curve(is_signal, score, drop_intermediate=corners)
        ours = roc_curve(is_signal, score, corners)
        assert np.array_equal(ours[0], background) and np.array_equal(ours[1], signal)
    assert roc_area(is_signal, score) == metrics.roc_auc_score(is_signal, score)
    y, answered = rng.integers(0, 4, samples), rng.integers(-1, 6, samples)
    assert np.array_equal(confusion_matrix(y, answered, 4), metrics.confusion_matrix(y, answered, labels=np.arange(4)))
