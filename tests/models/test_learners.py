"""Several nets trained as one: each one's step is the step that it would make alone, to float rounding; none feels another."""

from contextlib import ExitStack

import pytest
import torch

from models import qap
from models.biases import snap_biases
from models.drivers import alone, together
from models.export import export
from models.fitting import Diverged, FitPlan, Task, fit, fit_together
from models.learners import Alone, Stack, stack_key
from models.pruning.digits import digit_counts
from tests.models.synthetic import TINY, synthetic_tensors

PLAN = FitPlan(3, 0, 0.01, 64, l1=1e-3)


def tasks(seeds=(1, 2, 3), config=TINY, plan=PLAN, **fields):
    """A fit for each seed: other weights, other labels, other data order."""
    made = []
    for seed in seeds:
        tensors = synthetic_tensors(config.with_fields(seed=seed, random_labels=0.3))
        model = qap.build(config.with_fields(seed=seed), tensors)
        prepared = qap.prepare(model, tensors)
        made.append(Task(model, prepared.train, prepared.validation, plan, torch.Generator().manual_seed(seed), **fields))
    return made


@pytest.mark.parametrize("changes", [
    dict(), dict(batch_norm="on"), dict(batch_norm="no_affine"), dict(batch_norm="no_running_statistics"),
    dict(weight_bits=32, activation_bits=32, batch_norm="on"), dict(weight_bits=(4, 32, 3), activation_bits=(32, 5)),
], ids=str)
def test_a_step_of_a_stack_is_the_step_of_each_net(changes):
    config = TINY.with_fields(**changes)
    chosen = [torch.randperm(300, generator=torch.Generator().manual_seed(seed))[:64] for seed in (1, 2, 3)]
    apart, stacked = tasks(config=config), tasks(config=config)
    compare_a_step(apart, stacked, chosen)


def test_a_step_of_a_stack_keeps_the_digits_of_each_net():
    config = TINY.with_fields(granularity="digits", weight_bits=6)
    chosen = [torch.randperm(300, generator=torch.Generator().manual_seed(seed))[:64] for seed in (1, 2, 3)]
    with ExitStack() as held:
        apart, stacked = tasks(config=config), tasks(config=config)
        for i, task in enumerate(apart + stacked):
            masks = qap.masks_of(task.model, config)
            masks.prune(masks.changes(), 60 + 100 * (i % 3))
            held.enter_context(masks.held())
        assert len({stack_key(task) for task in apart}) == 1
        compare_a_step(apart, stacked, chosen)
    assert [sum(int(digit_counts(layer).sum()) for layer in task.model.layers) for task in stacked] == [60, 160, 260]


def compare_a_step(apart, stacked, chosen):
    expected = [step(Alone(task), [order]) for task, order in zip(apart, chosen)]
    losses, gradients = step(Stack(stacked), chosen)
    for i, (loss, of_net) in enumerate(expected):
        torch.testing.assert_close(losses[i], loss[0], rtol=1e-5, atol=1e-6)
        for mine, other in zip(of_net, gradients):
            torch.testing.assert_close(other[i], mine, rtol=1e-3, atol=1e-5)
        for (name, mine), other in zip(apart[i].model.state_dict().items(), stacked[i].model.state_dict().values()):
            torch.testing.assert_close(other, mine, rtol=1e-4, atol=1e-5, msg=lambda text: f"{name}: {text}")


def step(learner, chosen):
    """Losses and gradients of one step, which plain descent then makes."""
    optimiser = torch.optim.SGD(learner.parameters, 0.1)
    for task in getattr(learner, "tasks", None) or [learner.task]:
        task.model.train()
    losses = learner.losses(chosen)
    losses.sum().backward()
    optimiser.step()
    return losses.detach(), [parameter.grad for parameter in learner.parameters]


def test_no_net_feels_another():
    first, second = tasks((1, 2, 3)), tasks((1, 5, 9))
    assert fit_together(first)[0] == fit_together(second)[0]
    assert all(torch.equal(a, b) for a, b in zip(first[0].model.state_dict().values(), second[0].model.state_dict().values()))
    assert not torch.equal(first[1].model.weights[0], second[1].model.weights[0])


def test_a_whole_fit_is_close_to_that_of_each_net_alone():
    apart, stacked = (tasks(plan=FitPlan(4, 0, 0.01, 64), config=TINY.with_fields(batch_norm="on")) for _ in range(2))
    results = [[fit(task) for task in apart], fit_together(stacked)]
    for mine, other in zip(*results):
        assert mine.epochs == other.epochs and mine.validation_loss == pytest.approx(other.validation_loss, rel=1e-2)


def test_each_net_stops_by_its_own_validation_loss():
    seen = {seed: [] for seed in (1, 2, 3, 4)}
    plan = FitPlan(60, 2, 0.05, 64)
    stacked = [Task(**{**vars(task), "on_epoch": lambda epoch, loss, seed=seed: seen[seed].append(loss)})
               for seed, task in zip(seen, tasks(tuple(seen), plan=plan))]
    results = fit_together(stacked)
    assert len({done.epochs for done in results}) > 1
    for task, done, losses in zip(stacked, results, seen.values()):
        assert done.epochs == len(losses) == done.best_epoch + 3 and done.validation_loss == min(losses)
        assert qap.accuracy(task.model, task.validation) > 0.3


def test_a_net_that_diverges_leaves_the_others_going():
    healthy, poisoned = tasks((1, 2)), tasks((1, 2))
    poisoned[1].train[0][:] = float("nan")
    fine, fault = fit_together(poisoned)
    assert isinstance(fault, Diverged) and "the loss became nan in epoch 0, step 0" in str(fault)
    assert fine == fit_together(healthy)[0]
    assert all(torch.isfinite(value).all() for value in fault.model.state_dict().values())


def test_fits_of_other_plans_or_shapes_cannot_be_stacked():
    for other in (tasks((1,), plan=FitPlan(4, 0, 0.01, 64)), tasks((1,), TINY.with_fields(weight_bits=5)),
                  tasks((1,), penalty=lambda: torch.zeros(()))):
        with pytest.raises(ValueError, match="fits that are stacked need one plan"):
            Stack([*tasks((1,)), *other])


@pytest.mark.parametrize("batch_norm", ["folded", "on"])
def test_trainings_together_prune_apart_and_export(batch_norm, tmp_path):
    def training(seed):
        config = TINY.with_fields(seed=seed, batch_norm=batch_norm, folds=3, fold=seed % 3, patience=1, epochs=6)
        tensors = synthetic_tensors(config)
        model, prepared, start, _ = yield from qap.train_dense(config, tensors)
        levels = yield from qap.prune(model, config, "magnitude", prepared, start)
        return model, levels, tensors

    results = together([training(seed) for seed in (1, 2, 3)])
    kept = round(0.3 * sum(w.numel() for w in results[0][0].weights))
    assert [sum(levels[-1].kept) for _, levels, _ in results] == [kept] * 3
    assert not torch.equal(results[0][0].weights[0] != 0, results[1][0].weights[0] != 0)
    for seed, (model, levels, tensors) in zip((1, 2, 3), results):
        assert sum(int(w.count_nonzero()) for w in model.weights) == kept
        assert all(torch.equal(value, levels[-1].state[name]) for name, value in model.state_dict().items())
        if batch_norm == "folded":
            snap_biases(model)
            export(model, tmp_path / f"{seed}.onnx", tensors.test.x[:5])


def test_a_training_that_handles_its_fault_leaves_the_others(monkeypatch):
    def training(seed, rate):
        config = TINY.with_fields(seed=seed, weight_bits=32, activation_bits=32, epochs=3, learning_rate=rate)
        try:
            yield from qap.train_dense(config, synthetic_tensors(config))
        except Diverged as fault:
            return str(fault)
        return "fine"

    assert alone(training(1, 1e30)).startswith("the loss became")
    outcomes = together([training(1, 0.01), training(2, 1e30), training(3, 0.01)])
    assert outcomes[0] == outcomes[2] == "fine" and outcomes[1].startswith("the loss became")
