"""Dynamic probabilistic pruning: exact counts, gradients, granularities, tiles, convolutions."""

import pytest
import torch
from brevitas import nn as qnn
from torch import nn

from models.network import linear_layer
from models.pruning.dynamic import TopK, add_mask, freeze_mask, softmax_without_replacement, temperature, top_k


@pytest.mark.parametrize("rows, columns, keep, tile", [(5, 16, 3, 0), (5, 16, 1, 4), (1, 7, 7, 0), (3, 12, 2, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_every_tile_keeps_exactly_k(rows, columns, keep, tile, training):
    torch.manual_seed(0)
    choice = TopK(rows, columns, keep, tile).train(training)
    for _ in range(10):
        mask = choice().detach()
        assert torch.all((mask == 0) | (mask == 1))
        assert torch.all(mask.view(rows, -1, tile or columns).sum(-1) == keep)


def test_evaluation_takes_the_top_of_the_logits():
    choice = TopK(1, 4, 2).eval()
    choice.logits.data = torch.tensor([[0.1, 3.0, -1.0, 3.0]])
    assert choice().tolist() == [[0, 1, 0, 1]]
    assert top_k(torch.zeros(1, 4), 2).tolist() == [[1, 1, 0, 0]]


def test_softmax_without_replacement_by_hand():
    scores = torch.log(torch.tensor([[1.0, 4.0, 2.0]]))
    # first draw: 1/7 4/7 2/7; second, without the winner: 1/3 0 2/3
    expected = torch.tensor([[1 / 7 + 1 / 3, 4 / 7, 2 / 7 + 2 / 3]])
    torch.testing.assert_close(softmax_without_replacement(scores, 2), expected)
    torch.testing.assert_close(softmax_without_replacement(scores, 3), expected + torch.tensor([[1.0, 0, 0]]))


def test_gradient_is_that_of_the_softmaxes():
    torch.manual_seed(0)
    choice, direction = TopK(3, 6, 2).train(), torch.randn(3, 6)
    choice.temperature = 0.7
    torch.manual_seed(5)
    (choice() * direction).sum().backward()
    torch.manual_seed(5)
    noise = -torch.empty(3, 1, 6).exponential_().log()
    logits = choice.logits.detach().view(3, 1, 6).requires_grad_()
    (softmax_without_replacement((logits + noise) / 0.7, 2).view(3, 6) * direction).sum().backward()
    torch.testing.assert_close(choice.logits.grad, logits.grad.view(3, 6))


def test_likely_inputs_are_drawn_more_often():
    torch.manual_seed(0)
    choice = TopK(1, 3, 1).train()
    choice.logits.data = torch.log(torch.tensor([[0.2, 0.5, 0.3]]))
    shares = torch.stack([choice().detach() for _ in range(4000)]).mean(0)
    torch.testing.assert_close(shares, torch.tensor([[0.2, 0.5, 0.3]]), atol=0.03, rtol=0)


def test_entropy_by_hand():
    choice = TopK(2, 4, 1, tile=2)
    choice.logits.data.zero_()
    assert choice.entropy().item() == pytest.approx(4 * torch.log(torch.tensor(2.0)).item())


@pytest.mark.parametrize("keep, tile, message", [
    (0, 0, r"keep \(0\) must be 1 to 12"), (13, 0, r"keep \(13\) must be 1 to 12, the candidates of a row"),
    (5, 4, r"keep \(5\) must be 1 to 4, the candidates of a tile"), (2, 5, r"layer 3: tile \(5\) must divide the 12"),
])
def test_impossible_masks_are_refused(keep, tile, message):
    with pytest.raises(ValueError, match=message):
        TopK(4, 12, keep, tile, "layer 3")


def test_temperature_falls_and_is_clamped():
    assert [temperature(epoch, 4, 5.0, 0.5) for epoch in (0, 1, 3, 9)] == [5.0, 3.5, 0.5, 0.5]
    assert temperature(0, 1, 5.0, 0.5) == 5.0


def step(layer, x):
    optimiser = torch.optim.SGD(layer.parameters(), 0.1)
    before = [p.detach().clone() for p in layer.parameters()]
    (layer(x) ** 2).mean().backward()
    optimiser.step()
    return [not torch.equal(a, b) for a, b in zip(before, layer.parameters())]


CONVOLUTION = dict(in_channels=6, out_channels=8, kernel_size=3, weight_bit_width=4)


@pytest.mark.parametrize("granularity, keep, per_map", [("weights", 2, 2 * 9), ("blocks", 1, 3 * 9), ("neurons", 5, None)])
@pytest.mark.parametrize("kind", ["float", "quantised"])
def test_convolutions_train_and_freeze(granularity, keep, per_map, kind):
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 8, 3) if kind == "float" else qnn.QuantConv2d(**CONVOLUTION)
    choice = add_mask(layer, keep, granularity=granularity, block=3).choice
    assert all(step(layer.train(), torch.randn(4, 6, 7, 7)))
    assert choice.logits.grad.abs().sum() > 0
    expected = layer.eval()(torch.ones(1, 6, 7, 7)).detach()
    alive = freeze_mask(layer)
    assert torch.equal(layer.weight != 0, alive) and isinstance(layer.weight, nn.Parameter)
    assert torch.equal(layer(torch.ones(1, 6, 7, 7)), expected)
    counts = alive.flatten(1).sum(1)
    assert torch.all(counts == per_map) if per_map else (counts > 0).sum() == keep and set(counts.tolist()) == {0, 54}


def test_block_must_divide():
    with pytest.raises(ValueError, match=r"layer 1: block \(4\) must divide the 6 inputs"):
        add_mask(nn.Linear(6, 3), 1, granularity="blocks", block=4, name="layer 1")


@pytest.mark.parametrize("training", [True, False])
def test_neurons_and_weights_are_picked_beside_each_other(training):
    torch.manual_seed(0)
    first, second = nn.Linear(12, 8).train(training), nn.Linear(8, 6).train(training)
    rows = add_mask(first, 3, neurons=4, neuron_tile=4)
    add_mask(second, 1, tile=4, neurons=5, dead_inputs=rows.dead)
    for _ in range(20):
        alive, read = first.weight != 0, second.weight != 0
        assert sorted(alive.sum(1).tolist()) == [0] * 4 + [3] * 4 and torch.equal(alive.any(1), ~rows.dead())
        assert rows.dead().view(2, 4).sum(1).tolist() == [2, 2]
        assert sorted(read.sum(1).tolist()) == [0] + [2] * 5 and not read[:, rows.dead()].any()
        assert torch.equal(read[:, :4].sum(1), read[:, 4:].sum(1))
    if training:
        assert all(step(first, torch.randn(4, 12))) and rows.rows.logits.grad.abs().sum() > 0


def test_neurons_go_with_single_weights_only():
    for fields in (dict(granularity="blocks", block=2), dict(granularity="neurons")):
        with pytest.raises(ValueError, match="layer 2: neurons can be picked beside single weights"):
            add_mask(nn.Linear(6, 4), 1, name="layer 2", neurons=2, **fields)
    with pytest.raises(ValueError, match=r"mask: neurons \(3\) must be a multiple of 2, the tiles of 2 that the next"):
        add_mask(nn.Linear(6, 4), 1, neurons=3, neuron_tile=2)
    with pytest.raises(ValueError, match=r"mask, neurons: keep \(5\) must be 1 to 4"):
        add_mask(nn.Linear(6, 4), 1, neurons=5)


def test_the_mask_acts_before_the_quantiser():
    """The scale is that of the weights that are left: a large weight that is masked out does not coarsen the others."""
    layer = linear_layer(3, 1, bits=4)
    layer.weight.data = torch.tensor([[100.0, 0.4375, -0.25]])
    mask = add_mask(layer, 2).eval()
    mask.choice.logits.data = torch.tensor([[0.0, 1.0, 1.0]])
    quantised = layer.quant_weight()
    assert quantised.value.tolist() == [[0.0, 0.4375, -0.25]]
    assert float(quantised.scale) == 0.0625
