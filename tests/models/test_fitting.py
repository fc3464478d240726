"""The training loop: best state restored, early end, divergence, determinism."""

import pytest
import torch

from models import qap
from models.fitting import Diverged, FitPlan, Task, fit, mean_loss
from models.pruning.masks import snapshot
from tests.models.synthetic import TINY, synthetic_tensors


def run(plan, seed=1, **hooks):
    model = qap.build(TINY.with_fields(seed=seed), synthetic_tensors())
    prepared = qap.prepare(model, synthetic_tensors())
    return model, prepared, fit(Task(model, prepared.train, prepared.validation, plan, torch.Generator().manual_seed(0), **hooks))


def test_the_best_epoch_is_restored():
    losses = []
    model, prepared, done = run(FitPlan(6, 0, 0.1, 50), on_epoch=lambda epoch, loss: losses.append(loss))
    assert len(losses) == done.epochs == 6
    assert done.validation_loss == min(losses) == mean_loss(model, prepared.validation)
    assert done.best_epoch == losses.index(min(losses))


def test_patience_ends_a_fit():
    _, _, done = run(FitPlan(50, 2, 0.5, 50))
    assert done.epochs == done.best_epoch + 3 < 50


def test_the_same_seed_gives_the_same_bits():
    first, second = run(FitPlan(2, 0, 0.01, 50))[0], run(FitPlan(2, 0, 0.01, 50))[0]
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values()))
    other = run(FitPlan(2, 0, 0.01, 50), seed=2)[0]
    assert not torch.equal(first.weights[0], other.weights[0])


def test_divergence_keeps_the_last_good_checkpoint():
    seen = {}

    def poison(epoch):
        if epoch == 1:
            seen.update(snapshot(model))
            tensors[0].fill_(float("nan"))

    tensors = synthetic_tensors()
    model = qap.build(TINY, tensors)
    prepared = qap.prepare(model, tensors)
    tensors = prepared.train
    with pytest.raises(Diverged, match="epoch 1, step 0; the checkpoint of epoch 0 is kept"):
        fit(Task(model, prepared.train, prepared.validation, FitPlan(3, 0, 0.01, 50), torch.Generator(), before_epoch=poison))
    assert all(torch.equal(value, seen[key]) for key, value in model.state_dict().items())


def test_cosine_learning_rate_changes_the_fit():
    constant, cosine = run(FitPlan(2, 0, 0.01, 50))[0], run(FitPlan(2, 0, 0.01, 50, "cosine"))[0]
    assert not torch.equal(constant.weights[0], cosine.weights[0])


def test_l1_shrinks_the_weights():
    plain, shrunk = run(FitPlan(4, 0, 0.01, 50))[0], run(FitPlan(4, 0, 0.01, 50, l1=0.01))[0]
    assert shrunk.weights[0].abs().sum() < plain.weights[0].abs().sum()
