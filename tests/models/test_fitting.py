"""The training loop: best state restored, early end, divergence, determinism."""

import pytest
import torch

from models import qap
from models.fitting import Diverged, FitPlan, Task, fit, fit_together, mean_loss
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


@pytest.mark.parametrize("rate, better", [(0.1, True), (0.003, False)])
def test_the_mean_of_the_last_epochs_is_kept_where_it_is_better(rate, better):
    """At a high rate the epochs lie around the mean, at a low one the loss still falls."""
    states, losses = [], []
    model = qap.build(TINY, synthetic_tensors())
    prepared, masks = qap.prepare(model, synthetic_tensors()), qap.Masks(model.weights)
    masks.prune(masks.changes(), 100)
    done = fit(Task(model, prepared.train, prepared.validation, FitPlan(8, 0, rate, 50, average=3), torch.Generator().manual_seed(0),
                    after_step=masks.apply, on_epoch=lambda epoch, loss: (states.append(snapshot(model)), losses.append(loss))))
    assert done.averaged == better and done.validation_loss == mean_loss(model, prepared.validation)
    assert done.validation_loss < min(losses) if better else done.validation_loss == min(losses)
    masks.check()
    for name, value in model.state_dict().items():
        mean = sum(state[name] for state in states[-3:]) / 3 if better and value.is_floating_point() else None
        torch.testing.assert_close(value, states[done.best_epoch][name] if mean is None else mean)


def test_stacked_fits_have_the_means_of_their_own():
    def tasks():
        for seed in (1, 2):
            model = qap.build(TINY.with_fields(seed=seed), synthetic_tensors())
            prepared = qap.prepare(model, synthetic_tensors())
            yield Task(model, prepared.train, prepared.validation, FitPlan(8, 0, 0.05, 50, average=6), torch.Generator().manual_seed(seed))

    stacked, single = list(tasks()), list(tasks())
    done = fit_together(stacked)
    assert [one.averaged for one in done] == [True, False]
    for task, found, other in zip(single, done, stacked):
        alone = fit(task)
        assert alone.averaged == found.averaged
        for a, b in zip(task.model.weights, other.model.weights):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
