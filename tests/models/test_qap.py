"""Pruning by saliency: exact counts, zeros that stay zero, rewinding, batch norm folding."""

import pytest
import torch

from models import qap
from models.drivers import alone
from models.fitting import fit, fit_together
from models.learners import Stack
from models.network import QuantMLP
from tests.models.synthetic import TINY, synthetic_tensors


def total(model):
    return sum(weight.numel() for weight in model.weights)


@pytest.mark.parametrize("saliency", ["magnitude", "fisher", "random"])
def test_each_level_has_exactly_its_share(saliency):
    model, prepared, start, _ = alone(qap.train_dense(TINY, synthetic_tensors()))
    levels = alone(qap.prune(model, TINY, saliency, prepared, start))
    assert [sum(level.kept) for level in levels] == [round(0.5 * total(model)), round(0.3 * total(model))]
    assert sum(int(w.count_nonzero()) for w in model.weights) == sum(levels[-1].kept)
    for before, after in zip(levels, levels[1:]):
        for name in (f"layers.{i}.weight" for i in range(3)):
            assert not torch.any((before.state[name] == 0) & (after.state[name] != 0))


def test_floors_hold():
    config = TINY.with_fields(remaining=(0.1,), floor=(0, 0, 15), epochs=1)
    model, prepared, start, _ = alone(qap.train_dense(config, synthetic_tensors()))
    levels = alone(qap.prune(model, config, "magnitude", prepared, start))
    assert levels[0].kept[2] >= 15 and sum(levels[0].kept) == round(0.1 * total(model))


def test_lottery_ticket_rewinds_to_the_initial_weights():
    config = TINY.with_fields(rewind=True)
    tensors = synthetic_tensors()
    initial = qap.build(config, tensors).state_dict()
    model, prepared, start, _ = alone(qap.train_dense(config, tensors))
    training, seen = qap.prune(model, config, "magnitude", prepared, start), []
    for task in training:
        seen.append(qap.snapshot(task.model))
    assert len(seen) == 2
    for state in seen:
        alive = state["layers.0.weight"] != 0
        assert torch.equal(state["layers.0.weight"][alive], initial["layers.0.weight"][alive])
        assert torch.equal(state["layers.1.bias"], initial["layers.1.bias"])


def test_the_rewind_state_is_a_deep_copy():
    model = qap.build(TINY, synthetic_tensors())
    state = qap.snapshot(model)
    before = state["layers.0.weight"].clone()
    with torch.no_grad():
        model.weights[0].add_(1)
    assert torch.equal(state["layers.0.weight"], before)


def test_models_do_not_share_masks():
    first, second = (qap.build(TINY, synthetic_tensors()) for _ in range(2))
    masks = [qap.Masks(model.weights) for model in (first, second)]
    masks[0].prune([w.detach().abs() for w in first.weights], 20)
    assert sum(masks[0].counts) == 20 and sum(masks[1].counts) == total(second)


@pytest.mark.parametrize("kind", ["on", "no_affine"])
def test_folding_keeps_a_float_network(kind):
    torch.manual_seed(0)
    config = TINY.with_fields(weight_bits=32, activation_bits=32, input_bits=32, batch_norm=kind)
    model = QuantMLP(config, torch.zeros(16), torch.ones(16), 5)
    x = torch.randn(200, 16)
    for _ in range(20):
        model.train()(x)
    for norm in model.norms:
        if norm.affine:
            torch.nn.init.uniform_(norm.weight, -2, 2)
            torch.nn.init.uniform_(norm.bias)
    expected = model.eval()(x)
    model.fold_batch_norm()
    assert all(isinstance(norm, torch.nn.Identity) for norm in model.norms)
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["on", "no_affine", "no_running_statistics", "folded"])
def test_every_batch_norm_trains_and_prunes(kind):
    config = TINY.with_fields(batch_norm=kind, epochs=1)
    model, prepared, start, _ = alone(qap.train_dense(config, synthetic_tensors()))
    levels = alone(qap.prune(model, config.with_fields(rewind=True), "fisher", prepared, start))
    assert 0 < levels[-1].validation_accuracy <= 1
    assert any(isinstance(norm, torch.nn.BatchNorm1d) for norm in model.norms) == (kind != "folded")


def test_no_forward_pass_sees_a_pruned_weight(monkeypatch):
    models, tasks, seen = [], [], []
    for seed in (1, 2):
        config = TINY.with_fields(seed=seed)
        model, prepared, start, _ = alone(qap.train_dense(config, synthetic_tensors(config)))
        models.append(model)
        tasks.append(next(qap.prune(model, config, "magnitude", prepared, start)))
    dead = [[weight.detach() == 0 for weight in model.weights] for model in models]
    assert all(sum(int(mask.sum()) for mask in masks) == total(models[0]) - round(0.5 * total(models[0])) for masks in dead)
    losses = Stack.losses

    def watch(stack, chosen):
        seen.extend(not stack.parameters[2 * i][net][masks[i]].any() for net, masks in enumerate(dead) for i in range(3))
        return losses(stack, chosen)

    monkeypatch.setattr(Stack, "losses", watch)
    fit_together(tasks)
    for i, layer in enumerate(models[0].layers):
        layer.register_forward_pre_hook(lambda layer, args, i=i: seen.append(not layer.weight[dead[0][i]].any()))
    fit(tasks[0])
    assert all(seen) and len(seen) >= 2 * 3 * 2 * 3 + 2 * 3 * 3
