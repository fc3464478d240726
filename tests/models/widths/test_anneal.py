"""Annealing against what torch says of the network that it gives, and soft labels of samples that their teachers have not seen."""

from dataclasses import replace

import pytest
import torch

from models.widths.anneal import Annealing, Cooling, annealed
from models.widths.area import area
from models.widths.teacher import soft_labels
from models.widths.walk import Walk
from tests.models.widths.test_widths import PLAN, WIDTHS, data, learner, separable

PRICE = 1e-5


def loss_of(net, x: torch.Tensor, targets: torch.Tensor) -> float:
    return -((net.logits(x) * net.sharpness).log_softmax(1) * targets).sum(1).mean().item()


def taught(net, rows: int = 1500) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs, and what the network says of others that are near: it is good to start with, and not as good as it can be."""
    x = data(rows=rows)[0]
    return x, (net.logits(x + 0.1) * 2).softmax(1)


def flat(net) -> torch.Tensor:
    return torch.cat([part.double().reshape(-1) for parts in (net.weights, net.biases, net.fraction, net.bits) for part in parts])


@pytest.mark.parametrize("seed", range(4))
def test_what_it_tells_is_true_of_the_network_that_it_gives(seed):
    net = learner(seed).network()
    x, targets = taught(net)
    annealing, seen = Annealing(net, x, targets, seed), []
    for hot in (1e-4, 1e-5, 1e-9):
        told, found = annealing.cool(3000, PRICE, hot, hot / 2), annealing.network()
        assert told.loss == pytest.approx(loss_of(found, x, targets), abs=1e-5)
        assert told.luts == area(found.tidied()) > 20
        seen.append(flat(found))
    assert told.accepted > 300 and not torch.equal(seen[0], seen[1])


def test_cold_it_never_gets_worse():
    """What is kept beside is followed trial by trial: a slip there keeps what is worse."""
    for seed in range(4):
        net = learner(seed).network().tidied()
        x, targets = taught(net, rows=4000)
        annealing, before = Annealing(net, x, targets, 1), loss_of(net, x, targets) + PRICE * area(net)
        for _ in range(6):
            told = annealing.cool(1000, PRICE, 1e-12, 1e-12)
            assert told.loss + PRICE * told.luts <= before + 1e-6
            before = told.loss + PRICE * told.luts
        assert told.luts > 20


def test_the_price_of_luts_makes_it_small_and_what_matters_stays():
    x, targets = separable()
    walk = Walk(WIDTHS[1:-1], x, targets, replace(PLAN, first_price=1e-5, last_price=1e-4), seed=1)
    start = list(walk.stops())[-1]
    stops = list(annealed(start.net, x, targets, Cooling(4, 6000, 1e-4, 1e-3), seed=1))
    assert len(stops) > 2 and stops[-1].area < start.area / 2 and all(area(stop.net) == stop.area for stop in stops)
    assert [stop.area for stop in stops] == sorted((stop.area for stop in stops), reverse=True)
    last = stops[-1].net
    assert last.bits[0][[1, 4]].all() and (last.bits[0] == 0).sum() >= 2
    assert (last.logits(x).argmax(1) == targets.argmax(1)).double().mean() > 0.95


def test_a_front_ends_where_nothing_is_left():
    x, targets = separable(500)
    assert list(annealed(learner(1).network(), x, targets, Cooling(2, 3000, 10.0, 100.0), seed=1)) == []


def test_what_was_left_out_stays_out():
    net = learner(0).network().tidied()
    x, targets = taught(net)
    annealing = Annealing(net, x, targets, 1)
    annealing.cool(3000, 1e-9, 1e-3, 1e-4)
    found = annealing.network()
    assert all(not now[before == 0].any() for now, before in zip(found.bits, net.bits))
    assert [part.shape for part in found.weights] == [part.shape for part in net.weights]


def test_it_is_the_same_again_and_another_with_another_seed():
    net = learner(1).network()
    x, targets = taught(net)
    found = []
    for seed in (1, 1, 2):
        annealing = Annealing(net, x, targets, seed)
        annealing.cool(2000, PRICE, 1e-3, 1e-4)
        found.append(flat(annealing.network()))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_prices_rise_by_equal_factors():
    cooling = Cooling(4, 1, 1e-5, 8e-5)
    assert [cooling.price(number) for number in range(4)] == pytest.approx([1e-5, 2e-5, 4e-5, 8e-5])
    assert replace(cooling, nets=1).price(0) == 1e-5


def test_soft_labels_are_of_teachers_that_have_not_seen_the_sample():
    """Labels without any sense: what a teacher has seen it repeats, what it has not it can only guess."""
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(400, 4, generator=g), torch.randint(3, (400,), generator=g)
    for nets, trees, epochs in ((0, True, 1), (1, False, 60)):
        told = soft_labels(x, y, 3, nets, trees, epochs, seed=1)
        assert torch.allclose(told.sum(1), torch.ones(400), atol=1e-5)
        assert told[torch.arange(400), y].mean() < 1 / 3 + 0.06


def test_a_class_so_rare_that_no_tree_of_a_part_has_seen_it():
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(100, 4, generator=g), torch.randint(2, (100,), generator=g)
    y[7] = 3
    told = soft_labels(x, y, 4, 0, True, 1, seed=1)
    assert told.shape == (100, 4) and torch.allclose(told.sum(1), torch.ones(100), atol=1e-5)
    assert not told[:, 2].any() and told[7, 3] == 0 and told[:, 3].any()
