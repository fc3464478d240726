"""Networks with learned widths: digits, slopes, what is left out and files against what is counted and computed otherwise."""

from dataclasses import replace
from itertools import product

import numpy as np
import onnx
import pytest
import torch

from finn_steps.importer.lower import import_model
from models.widths import digits
from models.widths.area import ACTIVATION, BIT, area, area_slopes
from models.widths.layout import Layout, all_of
from models.widths.learner import Learner
from models.widths.model import WidthModel
from models.widths.walk import Plan, Walk, fresh

WIDTHS = (6, 7, 5, 3)


def learner(seed: int = 0, dead: bool = True) -> Learner:
    """Few bits of every kind; with `dead`, a feature and neurons without a bit, without a weight and without a reader."""
    g = torch.Generator().manual_seed(seed)
    made = fresh(WIDTHS, g)
    layout, vector = made.layout, made.vector
    vector[all_of(layout.weights)] = torch.randn(layout.weights[-1].stop, generator=g)
    vector[all_of(layout.weight_fractions)] = torch.rand(layout.weights[-1].stop, generator=g) * 4 - 0.4
    vector[all_of(layout.biases)] = torch.randn(sum(WIDTHS[1:]), generator=g)
    vector[all_of(layout.fractions)] = torch.rand(sum(WIDTHS[:-1]), generator=g) * 3 + 0.6
    vector[all_of(layout.wholes)] = torch.rand(sum(WIDTHS[:-1]), generator=g) * 2 - 0.4
    vector[layout.sharpness] = 0.3
    made.means = [torch.rand(width, generator=g) for width in WIDTHS[:-1]]
    if dead:
        vector[layout.fractions[0]][2] = vector[layout.fractions[1]][4] = -3.0
        layout.matrix(vector, layout.weights, 0)[3] = 0.0
        layout.matrix(vector, layout.weights, 2)[:, 1] = 0.0
        vector[layout.biases[0]][3] = 1.0
    return made


def data(seed: int = 1, rows: int = 500):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(rows, WIDTHS[0], generator=g) * 2, torch.softmax(torch.randn(rows, WIDTHS[-1], generator=g) * 2, 1)


def test_digits_are_the_fewest():
    powers = [sign * 2.0**e for e in range(-6, 3) for sign in (1, -1)] + [0.0]
    sums = [{sum(chosen) for chosen in product(powers, repeat=most)} for most in range(3)]
    for most in (1, 2):
        for value in sums[most] - sums[most - 1]:
            assert digits.count(torch.tensor([value])).item() == (most if abs(value) < 8 else 1)


def rounding(x: torch.Tensor, fraction: torch.Tensor) -> torch.Tensor:
    """x to `fraction` bits, half up, with an error that shrinks by 2 ** -fraction: what autograd takes slopes of."""
    one = torch.exp2(torch.round(fraction.detach()))
    error = (x - torch.floor(x * one + 0.5) / one).detach()
    return x - error * torch.exp2(fraction.detach() - fraction)


def loss_by_autograd(made: Learner, vector: torch.Tensor, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """In real values, layer by layer, from the definition."""
    layout = made.layout
    for layer in range(layout.layers):
        fraction, whole = vector[layout.fractions[layer]], vector[layout.wholes[layer]]
        bits = torch.round(fraction.detach()) + torch.round(whole.detach())
        top = torch.exp2(torch.where(bits > 0, torch.round(whole.detach()), -torch.round(fraction.detach())) + whole - whole.detach())
        one = torch.exp2(-torch.round(fraction.detach()) - fraction + fraction.detach())
        value = rounding(x, fraction)
        high, low = (top - one), (-top if layer == 0 else torch.zeros_like(top))
        units = torch.exp2(torch.round(fraction.detach()))
        value = torch.where((value * units).detach() > (high * units).detach() + 0.25, high, value)
        low = torch.where(bits > 0, low, torch.zeros_like(low)) if layer == 0 else low
        a = torch.where((value * units).detach() < (low * units).detach() - 0.25, low, value)
        weights = rounding(vector[layout.weights[layer]], vector[layout.weight_fractions[layer]]).view(layout.shapes[layer])
        x = (a - made.means[layer]) @ weights.T + vector[layout.biases[layer]]
    return -((x * vector[layout.sharpness].exp()).log_softmax(1) * targets).sum(1).mean()


@pytest.mark.parametrize("seed", range(4))
def test_slopes_are_those_of_autograd(seed):
    made, (x, targets) = learner(seed, dead=False), data()
    made.vector[all_of(made.layout.wholes)] = made.vector[all_of(made.layout.wholes)].clamp(min=0.0)
    found = made.slopes(x, targets)
    vector = made.vector.clone().requires_grad_()
    loss = loss_by_autograd(made, vector, x, targets)
    expected, = torch.autograd.grad(loss, vector)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-6)
    for part in (made.layout.weights, made.layout.weight_fractions, made.layout.biases, made.layout.fractions, made.layout.wholes):
        assert (found[all_of(part)] != 0).double().mean() > 0.3


def test_what_learns_answers_as_the_network_that_is_kept():
    made, (x, _) = learner(), data()
    sums = made._forward(made.rounded(), x)[3]
    assert torch.allclose(made.network().logits(x), sums, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_out_changes_no_answer(seed):
    made, (x, targets) = learner(seed), data()
    before = made.network()
    tidied = before.tidied()
    assert torch.allclose(tidied.logits(x), before.logits(x), atol=1e-4)
    assert tidied.bits[0][2] == 0 and tidied.bits[1][4] == 0 and tidied.bits[1][3] == 0 and tidied.bits[2][1] == 0
    beside = torch.arange(made.layout.size)
    left, = made.compact(beside)
    assert made.layout.sizes[-1] == WIDTHS[-1] and sum(made.layout.sizes) < sum(WIDTHS) - 3 and len(left) == made.layout.size
    assert torch.allclose(made.network().logits(x), before.logits(x), atol=1e-4)
    assert made.slopes(x[:, made.living[0]], targets).isfinite().all()


def test_luts_of_a_network_counted_by_hand():
    """Layer 1: 3 = 4 - 1 and 2 of inputs of 3 and 2 bits: 2 * 3 + 2 bits, the first 3 free. Layer 2: one digit, free."""
    made = Learner(Layout((2, 1, 1)), torch.zeros(Layout((2, 1, 1)).size))
    layout, vector = made.layout, made.vector
    vector[all_of(layout.weights)] = torch.tensor([3.0, 2.0, 0.5])
    vector[all_of(layout.weight_fractions)] = torch.tensor([0.0, 0.0, 1.0])
    vector[all_of(layout.fractions)] = torch.tensor([1.0, 1.0, 0.0])
    vector[all_of(layout.wholes)] = torch.tensor([1.0, 0.0, 4.0])
    net = made.network()
    assert [bits.tolist() for bits in net.bits] == [[3, 2], [4]]
    assert area(net.tidied()) == BIT * (2 * 3 + 2 - 3) + ACTIVATION * 4
    found = area_slopes(made)
    three, two = (1 + torch.log2(torch.tensor(value)).item() / 3 for value in (3.0, 2.0))
    assert found[layout.fractions[0]].tolist() == pytest.approx([three, two]) == found[layout.wholes[0]].tolist()
    assert found[layout.fractions[1]].tolist() == pytest.approx([1 + 1])
    assert found[all_of(layout.weight_fractions)].tolist() == pytest.approx([3 / 3, 2 / 3, 4])
    assert not found[all_of(layout.weights)].any() and not found[all_of(layout.biases)].any()


def separable(rows: int = 3000) -> tuple[torch.Tensor, torch.Tensor]:
    """Two of six features say the class."""
    x = torch.randn(rows, WIDTHS[0], generator=torch.Generator().manual_seed(3))
    return x, torch.nn.functional.one_hot((x[:, 1] > 0).long() + ((x[:, 1] > 0) & (x[:, 4] > 0.5)).long(), 3).float()


PLAN = Plan(steps=600, rests=6, first_price=1e-5, last_price=3e-3, least=5.0)


def test_a_walk_gets_smaller_and_keeps_what_matters():
    x, targets = separable()
    stops = list(Walk(WIDTHS[1:-1], x, targets, PLAN, seed=1).stops())
    assert stops[-1].area < 0.3 * stops[0].area and all(area(stop.net) == stop.area for stop in stops)
    last = stops[-1].net
    assert last.bits[0][[1, 4]].all() and (last.bits[0] == 0).sum() >= 2
    assert (last.logits(x).argmax(1) == targets.argmax(1)).double().mean() > 0.93


def test_a_walk_is_the_same_again_and_another_with_another_seed():
    x, targets = separable(1000)
    short = replace(PLAN, steps=30, rests=3)
    walks = [[stop.net for stop in Walk(WIDTHS[1:-1], x, targets, short, seed).stops()][-1] for seed in (1, 1, 2)]
    same = [all(torch.equal(a, b) for a, b in zip(walks[0].weights + walks[0].biases, other.weights + other.biases)) for other in walks[1:]]
    assert same == [True, False]


def test_a_weight_that_is_not_there_comes_back():
    x, targets = separable()
    walk = Walk(WIDTHS[1:-1], x, targets, replace(PLAN, steps=200, rests=1, first_price=1e-12, last_price=1e-12), seed=1)
    layout, vector = walk.learner.layout, walk.learner.vector
    first = layout.matrix(vector, layout.weights, 0)
    first[:, 1] = 0.01
    assert not walk.learner.network().weights[0][:, 1].any()
    assert next(walk.stops()).net.weights[0][:, 1].any()


def test_the_file_is_the_network(tmp_path):
    centre, reach = torch.linspace(-1, 1, WIDTHS[0]), torch.linspace(0.5, 2, WIDTHS[0])
    for seed in range(3):
        net = learner(seed).network()
        model = WidthModel.of(net, centre, reach)
        x = data(rows=400)[0] * 3
        near = net.logits((x - centre) / reach).argmax(1) == model(x).argmax(1)
        assert near.double().mean() > 0.97
        model.export(tmp_path / "net" / "model.onnx", x)
        accelerator = import_model(tmp_path / "net" / "model.onnx").accelerator
        assert np.array_equal(accelerator.dequantise(accelerator.execute(accelerator.quantise(x.numpy()))), model(x).numpy())
        widths = {tuple(bits) for bits in (np.ptp(layer.input_range, axis=0) for layer in accelerator.layers[:1])}
        assert len(set(next(iter(widths)))) > 1


def test_a_file_that_is_another_network_is_not_written(tmp_path):
    model = WidthModel.of(learner().network(), torch.zeros(WIDTHS[0]), torch.ones(WIDTHS[0]))
    right, calls = model.net, []

    class Other(WidthModel):
        def __call__(self, x):
            calls.append(len(x))
            return super().__call__(x) + 1

    with pytest.raises(RuntimeError, match="differs"):
        Other(right, model.centre, model.reach).export(tmp_path / "net.onnx", data()[0])
    assert calls and not list(tmp_path.glob("*.onnx"))


def test_quant_nodes_say_every_width(tmp_path):
    model = WidthModel.of(learner().network(), torch.zeros(WIDTHS[0]), torch.ones(WIDTHS[0]))
    model.export(tmp_path / "net" / "m.onnx", data()[0])
    written = onnx.load(tmp_path / "net" / "m.onnx")
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in written.graph.initializer}
    bits = [constants[node.input[3]] for node in written.graph.node if node.op_type == "Quant"]
    assert [len(part) for part in bits] == list(WIDTHS[:-1])
    assert np.array_equal(bits[1], np.maximum(model.net.bits[1].numpy(), 1))
