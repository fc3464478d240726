"""Every metric against a value computed by hand."""

import numpy as np
import pytest

from models.metrics.bops import layer_bops, network_bops
from models.metrics.hardware import adders, digits, nonzeros, signed_digits
from models.metrics.information import aiq, layer_efficiency, neural_efficiency, state_entropy
from models.metrics.mask_statistics import confidence, diversity
from models.metrics.performance import accuracy, auc, background_efficiency, mean_auc, signal_score

JETS = (16, 64, 32, 32, 5)


def test_accuracy():
    value = accuracy(np.array([[2, 1], [0, 3], [5, 4], [1, 2]]), np.array([0, 1, 1, 1]))
    assert value.value == 0.75 and value.error == pytest.approx(np.sqrt(0.75 * 0.25 / 4))


def two_class(scores):
    """Logits [N, 2] that order class 1 as `scores` do."""
    return np.stack([np.zeros(len(scores)), scores], 1)


def test_auc_counts_ordered_pairs():
    scores, y = two_class(np.array([0.1, 0.4, 0.35, 0.8])), np.array([0, 0, 1, 1])
    assert auc(scores, y, 1).value == 0.75 and auc(scores, y, 0).value == 0.75  # 3 of 4 pairs
    assert mean_auc(scores, y).value == 0.75
    q1, q2 = 0.75 / 1.25, 2 * 0.5625 / 1.75
    assert auc(scores, y, 1).error == pytest.approx(np.sqrt((0.1875 + (q1 - 0.5625) + (q2 - 0.5625)) / 4))
    assert auc(two_class(np.array([1.0, 2.0, 3.0, 4.0])), y, 1).value == 1.0


def test_background_efficiency_is_interpolated():
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    scores = two_class(np.array([9, 7, 4, 2, 8, 6, 3, 1], float))
    # ROC (fp, tp): (0,.25) (.25,.25) (.25,.5) (.5,.5) ...: at tp = .375 halfway up the vertical step
    assert background_efficiency(scores, y, 1, 0.375).value == 0.25
    assert background_efficiency(scores, y, 1, 0.125).value == 0.0
    tied = two_class(np.array([1, 1, 0, 0, 1, 0, 0, 0], float))  # one step from (0,0) to (.25,.5)
    value = background_efficiency(tied, y, 1, 0.25)
    assert value.value == 0.125 and value.error == pytest.approx(np.sqrt(0.125 * 0.875 / 4))


def test_signal_score_normalises_over_the_classes_of_one_sample():
    scores = np.array([[0.0, np.log(3)], [1000.0, 1000.0]])
    assert signal_score(scores, 1) == pytest.approx([0.75, 0.5])


def test_bops_by_hand():
    assert layer_bops(4, 2, 0.5, 6, 3) == 8 * (9 + 6 + 3 + 2)


@pytest.mark.parametrize("bits, pruned, expected", [
    (32, 0.0, 4_652_832), (12, 0.0, 1_003_552), (6, 0.0, 412_960), (4, 0.0, 267_808),
    (32, 0.8, 1_166_317), (6, 0.8, 162_592), (4, 0.8, 121_581),
])
def test_bops_of_the_published_networks(bits, pruned, expected):
    assert round(network_bops(JETS, [pruned] * 4, [32, bits, bits, bits], [bits] * 4)) == expected


def test_bops_need_an_entry_for_each_layer():
    with pytest.raises(ValueError, match="pruned has 3 entries, the network has 4 layers"):
        network_bops(JETS, [0.0] * 3, [8] * 4, [6] * 4)


def test_state_entropy():
    states = np.array([[1, 0], [2, 0], [0, 3], [0, 0]])  # 10 twice, 01 once, 00 once
    assert state_entropy(states) == 1.5 and layer_efficiency(states) == 0.75
    assert state_entropy(np.ones((7, 20))) == 0.0


def test_neural_efficiency_is_a_geometric_mean():
    half = np.array([[1, 1], [0, 0]])  # 1 bit of 2
    full = np.array([[1], [0]])
    assert neural_efficiency([half, full]) == pytest.approx(np.sqrt(0.5))
    assert neural_efficiency([half, np.ones((2, 3))]) == 0.0


def test_aiq():
    assert aiq(0.5, 0.5) == pytest.approx(0.5)
    assert aiq(0.8, 0.1) == pytest.approx((0.64 * 0.1) ** (1 / 3))


def test_confidence_and_diversity():
    uniform = np.zeros((3, 4))
    assert confidence(uniform) == 0.0 and diversity(uniform) == 0.0
    sure = np.full((4, 4), -1e9)
    np.fill_diagonal(sure, 0.0)
    assert confidence(sure) == 1.0 and diversity(sure) == 1.0
    alike = np.tile([0.0, -1e9, -1e9, -1e9], (5, 1))
    assert confidence(alike) == 1.0 and diversity(alike) == 0.0
    quarter = np.log(np.array([[0.25, 0.75]]))
    bits = 0.25 * 2 + 0.75 * np.log2(4 / 3)
    assert confidence(quarter) == pytest.approx(1 - bits)


def test_signed_digits():
    # 0, 1, 3 = 4-1, 5 = 4+1, 7 = 8-1, 11 = 8+4-1, 15 = 16-1, 21 = 16+4+1, 27 = 32-4-1
    values = np.array([0, 1, 3, 5, 7, 11, 15, 21, 27, -7, 64])
    assert signed_digits(values).tolist() == [0, 1, 2, 2, 2, 3, 2, 3, 3, 2, 1]


def test_adders():
    weights = [np.array([[0, 0], [4, 0], [3, -1]]), np.array([[7, 7, 7]])]
    assert nonzeros(weights) == 6 and digits(weights) == 10
    assert adders(weights) == 0 + 0 + 2 + 5
