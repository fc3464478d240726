import numpy as np
import pytest

from models.data import load_dataset
from models.data.reference import Scores, remembered_mlp, score_mlp


def test_scores_of_known_answers():
    y = np.repeat([0, 1], 500)
    sure = np.stack([1.0 - y, y], axis=1)
    perfect = Scores(sure, y)
    assert perfect.accuracy == 1.0 and perfect.accuracy_error == 0.0 and perfect.auc(1) == 1.0
    guess = Scores(np.random.default_rng(0).dirichlet([1, 1], 1000), y)
    assert abs(guess.accuracy - 0.5) < 3 * guess.accuracy_error and abs(guess.auc(0) - 0.5) < 3 * guess.auc_error(0)


def test_auc_error_is_that_of_repeated_samples():
    rng = np.random.default_rng(1)
    areas, errors = [], []
    for _ in range(200):
        y = np.repeat([0, 1], [300, 100])
        score = rng.normal(size=400) + 1.5 * y
        scores = Scores(np.stack([-score, score], axis=1), y)
        areas.append(scores.auc(1))
        errors.append(scores.auc_error(1))
    assert abs(np.mean(errors) / np.std(areas) - 1) < 0.25


def test_the_seed_decides(tmp_path):
    rng = np.random.default_rng(2)
    y = np.repeat([0, 1], 100)
    np.savez(tmp_path / "t.npz", X=rng.normal(size=(200, 3)) + y[:, None], y=y)
    dataset = load_dataset(tmp_path / "t.npz")
    first, again, other = (score_mlp(dataset, seed, epochs=3).probabilities for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_a_training_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("QAPFLOW_CACHE", str(tmp_path / "cache"))
    y = np.repeat([0, 1], 40)
    np.savez(tmp_path / "t.npz", X=np.random.default_rng(2).normal(size=(80, 3)) + y[:, None], y=y)
    dataset = load_dataset(tmp_path / "t.npz")
    first = remembered_mlp(dataset, 1)
    monkeypatch.setattr("models.data.reference.score_mlp", lambda *arguments: pytest.fail("trained again"))
    assert np.array_equal(remembered_mlp(dataset, 1).probabilities, first.probabilities)
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        remembered_mlp(dataset, 2)


@pytest.mark.slow
def test_a_float_mlp_reaches_what_the_shipped_jets_allow():
    jets = load_dataset("qapjets")
    assert np.mean([score_mlp(jets, seed).accuracy for seed in (1, 2, 3)]) >= 0.725
