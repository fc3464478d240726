"""A ladder of networks: deterministic, and the same after an interruption at any rung."""

import itertools

import pytest
import torch

from models.ladder import Ladder, shares
from tests.models.synthetic import TINY, synthetic_tensors

CONFIG = TINY.with_fields(epochs=1, dense_epochs=1, batch_norm="folded", saliency="fisher")


def ladder(folder):
    return Ladder("as asked", CONFIG, synthetic_tensors(CONFIG), folder)


@pytest.mark.slow
def test_an_interrupted_ladder_goes_on_with_the_same_rungs(tmp_path):
    whole = [(rung.key, rung.kept, rung.accuracy) for rung in itertools.islice(ladder(tmp_path / "whole").rungs(), 5)]
    for steps in (2, 4, 5):
        found = [(rung.key, rung.kept, rung.accuracy) for rung in itertools.islice(ladder(tmp_path / "cut").rungs(), steps)]
    assert found == whole
    for key, _, _ in whole:
        one, other = (torch.load(tmp_path / where / f"{key}.pt", weights_only=True) for where in ("whole", "cut"))
        assert all(torch.equal(one[name], other[name]) for name in one) and (tmp_path / "cut" / f"{key}.onnx").is_file()


def test_rungs_are_cut_as_they_say(tmp_path):
    for rung in itertools.islice(ladder(tmp_path).rungs(), 3):
        assert sum(rung.kept) == round(rung.remaining * rung.weights) >= rung.nonzeros and rung.onnx.is_file()
    polished = ladder(tmp_path).polish(rung.key, 0.12, 2, seed=1)
    assert sum(polished.kept) == round(0.12 * rung.weights) and polished.accuracy <= 1
    assert ladder(tmp_path).polish(rung.key, 0.12, 2, seed=1) == polished


@pytest.mark.parametrize("weights, layers", [(4256, 4), (100, 2)])
def test_shares_fall_to_a_few_weights_a_layer(weights, layers):
    found = list(shares(weights, layers))
    assert found == sorted(found, reverse=True) and 3 * layers <= found[-1] * weights < 3 * layers / 0.6
