"""Networks with learned widths: digits, gradients, moves and files against what is counted and computed otherwise."""

from itertools import product

import numpy as np
import onnx
import pytest
import torch

from finn_steps.importer.lower import import_model
from models.widths import digits
from models.widths.area import area
from models.widths.fit import cross_entropy, gradient
from models.widths.model import WidthModel
from models.widths.moves import Trial, apply, tidy
from models.widths.network import Shape, WidthNet

WIDTHS = (6, 7, 5, 3)


def network(seed: int = 0, digits_up_to: int = 3, kept: float = 0.5) -> WidthNet:
    g = torch.Generator().manual_seed(seed)
    weights = [torch.randn(b, a, generator=g) for a, b in zip(WIDTHS, WIDTHS[1:])]
    shape = Shape([torch.randint(1, digits_up_to + 1, w.shape, generator=g) * (torch.rand(w.shape, generator=g) < kept) for w in weights],
                  [torch.randint(0, 4, (a,), generator=g) for a in WIDTHS[:-1]],
                  [torch.randint(2, 6, (a,), generator=g) for a in WIDTHS[:-1]])
    shape.bits[0][2] = 0
    tidy(shape)
    return WidthNet(weights, [torch.randn(b, generator=g) for b in WIDTHS[1:]], shape)


def data(seed: int = 1, rows: int = 500):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(rows, WIDTHS[0], generator=g) * 2, torch.softmax(torch.randn(rows, WIDTHS[-1], generator=g) * 2, 1)


def sums_of_powers(most: int) -> set[float]:
    powers = [sign * 2.0**e for e in range(-6, 3) for sign in (1, -1)] + [0.0]
    return {sum(chosen) for chosen in product(powers, repeat=most)}


@pytest.mark.parametrize("most", [1, 2])
def test_no_sum_of_so_many_powers_is_nearer(most):
    x = torch.linspace(-3, 3, 193)
    possible = torch.tensor(sorted(sums_of_powers(most)))
    least = (x[:, None] - possible).abs().amin(1)
    found = digits.nearest(x, torch.full(x.shape, most))
    assert torch.equal((x - found).abs(), least)
    assert set(found.tolist()) <= {value for value in possible.tolist()}


def test_digits_are_the_fewest():
    for most in (1, 2):
        for value in sums_of_powers(most) - sums_of_powers(most - 1):
            assert digits.count(torch.tensor([value])).item() == (most if abs(value) < 8 else 1)


def test_gradient_is_the_slope_where_roundings_are_fine():
    net = network(digits_up_to=1)
    net.shape = Shape([torch.full_like(part, 4) for part in net.shape.digits], [torch.full_like(part, 12) for part in net.shape.fraction],
                      [torch.full_like(part, 20) for part in net.shape.bits])
    net.reshaped()
    x, targets = data(rows=3000)
    found, start = gradient(net, net.features(x), targets), net.flat.clone()
    for place in (0, 41, 50, 76, len(start) - 5, len(start) - 1):
        losses, values = [], []
        for step in (0.01, -0.01):
            net.flat.copy_(start)
            net.flat[place] += step
            losses.append(cross_entropy(net.logits(x) * net.sharpness, targets).item())
            values.append(torch.cat([*(part.reshape(-1) for parts in net.effective() for part in parts), net.flat[-1:]])[place].item())
        assert found[place].item() == pytest.approx((losses[0] - losses[1]) / (values[0] - values[1]), abs=5e-3)


def test_moves_change_the_answers_and_the_area_by_what_they_say():
    x, _ = data()
    trial = Trial(network(), x, 0)
    before, shares = area(trial.net.shape, trial.weights), (trial.net.logits(x) * trial.net.sharpness).softmax(1)
    for found in (trial.bits(), trial.sampled(trial.fewer_digits()), trial.sampled(trial.fewer_weights())):
        assert len(found) > 10
        for row in range(0, len(found), 3):
            net = network()
            apply(net, found.of(torch.tensor([row])))
            after = (net.logits(x) * net.sharpness).log_softmax(1)
            divergence = (shares * (shares.clamp_min(1e-30).log() - after)).sum(1).mean()
            assert found.loss[row].item() == pytest.approx(float(divergence), abs=1e-5)
            assert area(net.shape, net.effective()[0]) < before


def test_the_file_is_the_network(tmp_path):
    centre, reach = torch.linspace(-1, 1, WIDTHS[0]), torch.linspace(0.5, 2, WIDTHS[0])
    for seed in range(3):
        net = network(seed)
        model = WidthModel.of(net, net.flat, centre, reach)
        x = data(rows=400)[0] * 3
        near = net.logits((x - centre) / reach).argmax(1) == model(x).argmax(1)
        assert near.double().mean() > 0.97
        model.export(tmp_path / "net" / "model.onnx", x)
        accelerator = import_model(tmp_path / "net" / "model.onnx").accelerator
        assert np.array_equal(accelerator.dequantise(accelerator.execute(accelerator.quantise(x.numpy()))), model(x).numpy())
        widths = {tuple(bits) for bits in (np.ptp(layer.input_range, axis=0) for layer in accelerator.layers[:1])}
        assert len(set(next(iter(widths)))) > 1


def test_a_file_that_is_another_network_is_not_written(tmp_path):
    model = WidthModel.of(network(), network().flat, torch.zeros(WIDTHS[0]), torch.ones(WIDTHS[0]))
    x = data()[0]
    model.net.shape.bits[1][model.net.shape.bits[1] > 0] = 1
    with pytest.raises(RuntimeError, match="differs|limits do not fit"):
        model.export(tmp_path / "net.onnx", x)
    assert not list(tmp_path.glob("*.onnx"))


def test_quant_nodes_say_every_width(tmp_path):
    net = network()
    WidthModel.of(net, net.flat, torch.zeros(WIDTHS[0]), torch.ones(WIDTHS[0])).export(tmp_path / "net" / "m.onnx", data()[0])
    model = onnx.load(tmp_path / "net" / "m.onnx")
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    bits = [constants[node.input[3]] for node in model.graph.node if node.op_type == "Quant"]
    assert [len(part) for part in bits] == list(WIDTHS[:-1])
    assert np.array_equal(bits[1], np.maximum(net.shape.bits[1].numpy(), 1))
