"""Signed digits as what is pruned: exact counts in the exported integers, what the quantiser reads, gradients, and masks that hold."""

import pytest
import torch
from torch import nn

from finn_steps.importer.lower import import_model
from models import qap
from models.biases import snap_biases
from models.dpp import check_rows, train_dpp
from models.drivers import alone
from models.export import export
from models.fitting import fit
from models.network import linear_layer
from models.pruning.digits import DigitMasks, digit_counts, digits_kept, nearest, slots, written
from models.pruning.dynamic import add_mask, freeze_mask, softmax_without_replacement
from models.pruning.masks import Masks
from tests.models.synthetic import TINY, synthetic_tensors

QAP = TINY.with_fields(granularity="digits", weight_bits=6, remaining=(0.4, 0.15), batch_norm="folded")
DPP = TINY.with_fields(method="dpp", granularity="digits", weight_bits=6, keep=(5, 3, 4), tile=(0, 4, 0), epochs=2, final_epochs=2)


def fewest_digits(greatest: int) -> dict[int, int]:
    """How few signed powers of two have each sum of up to `greatest`: by adding them up, without any form of digits."""
    powers = [sign * 2**place for place in range(greatest.bit_length() + 1) for sign in (1, -1)]
    found, reached = {0: 0}, {0}
    for count in range(1, greatest.bit_length() + 1):
        reached = {a + power for a in reached for power in powers}
        found = {whole: count for whole in reached} | found
    return {whole: count for whole, count in found.items() if abs(whole) <= greatest}


FEWEST = fewest_digits(127)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("exactly", [True, False])
def test_nearest_against_all_numbers(bits, exactly):
    greatest = 2 ** (bits - 1) - 1
    assert max(FEWEST[whole] for whole in range(greatest + 1)) == slots(bits)
    scaled = torch.arange(-8 * greatest - 4, 8 * greatest + 5) / 8
    for digits in range(slots(bits) + 1):
        allowed = torch.tensor([w for w in range(-greatest, greatest + 1) if (FEWEST[w] == digits if exactly else FEWEST[w] <= digits)])
        found = nearest(scaled, digits, bits, exactly)
        assert set(found.int().tolist()) <= set(allowed.tolist())
        assert torch.equal((found - scaled).abs(), (allowed - scaled[:, None]).abs().amin(1))


@pytest.mark.parametrize("bits", [2, 3, 6, 8, 16])
@pytest.mark.parametrize("size", [1.0, 0.0123, 97.0])
def test_the_quantiser_reads_the_digits_that_were_written(bits, size):
    """Also where the greatest weight is a power of two, which alone has a scale of half the size."""
    greatest = 2 ** (bits - 2)
    layer, scale = linear_layer(4, 2, bits), torch.tensor(2.0).pow(torch.tensor(size).log2().floor())
    for whole in ([[greatest, -1, 0, greatest], [1, -greatest, 0, 0]], [[2 * greatest - 1, 0, 1, -1], [1 - 2 * greatest, 0, -1, greatest]]):
        with torch.no_grad():
            layer.weight.copy_(written(torch.tensor(whole, dtype=torch.float32), scale, bits))
        for layer in (layer.train(), layer.eval()):
            assert layer.quant_weight().scale == scale and torch.equal(layer.quant_weight().value, torch.tensor(whole) * scale)
            torch.testing.assert_close(layer(torch.eye(4)).T - layer.bias[:, None], torch.tensor(whole) * scale, rtol=1e-5, atol=scale / 1e3)


def test_gradients_go_straight_through_to_living_weights():
    torch.manual_seed(0)
    weight, direction = torch.randn(5, 7, requires_grad=True), torch.randn(5, 7)
    counts = torch.randint(0, 4, (5, 7))
    (digits_kept(weight, counts, 6, True) * direction).sum().backward()
    assert torch.equal(weight.grad, direction * (counts > 0))


def test_the_gradient_of_a_candidate_is_what_its_digit_changes():
    """Of 0.6 = 19.2 / 32 one, two and three digits make 16, 20 and 19, of -0.9 = -28.8 / 32 -16, -28 and -29."""
    torch.manual_seed(3)
    layer = linear_layer(2, 1, 6).train()
    layer.weight.data = torch.tensor([[0.6, -0.9]])
    choice, steps, seen = add_mask(layer, 3, granularity="digits").choice, torch.tensor([[16.0, 4, -1], [-16, -12, -1]]), set()
    for seed in range(30):
        torch.manual_seed(seed)
        choice.logits.grad = None
        weight = layer.weight
        (weight * torch.tensor([[1.0, 2.0]])).sum().backward()
        torch.manual_seed(seed)
        logits = choice.logits.detach().clone().requires_grad_()
        noisy = logits.view(1, 1, 6) - torch.empty(1, 1, 6).exponential_().log()
        picked = torch.zeros(6, dtype=torch.bool).index_fill(0, noisy.flatten().topk(3).indices, True).view(2, 3)
        expected = [steps[i, : picked[i].sum()].sum() for i in range(2)]
        assert torch.equal(torch.round(weight.detach() * 32)[0], torch.tensor(expected))
        changes = torch.stack([placed(*pair) for pair in zip(picked, steps)]) * torch.tensor([[1.0], [2.0]])
        (softmax_without_replacement(noisy, 3).flatten() * changes.flatten()).sum().backward()
        torch.testing.assert_close(choice.logits.grad, logits.grad * (1 + 2.0**-7) / 32)
        seen.add(int(picked[0].sum()))
    assert len(seen) >= 3


def placed(picked: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """The change that each candidate of a weight stands for: those that are picked have the first digits."""
    found = torch.empty(len(picked))
    found[picked], found[~picked] = steps[: int(picked.sum())], steps[int(picked.sum()):]
    return found


def test_freezing_keeps_the_digits():
    torch.manual_seed(0)
    layer = linear_layer(12, 6, 6)
    add_mask(layer, 5, 4, "digits")
    layer.eval()
    alive, weight = freeze_mask(layer), layer.weight.detach().clone()
    assert alive.shape == (6, 12, 3) and torch.equal(alive.view(6, 3, 12).sum(-1), torch.full((6, 3), 5))
    assert torch.equal(digit_counts(layer), alive.sum(-1)) and torch.equal(layer.weight, weight)


def exported_digits(model, path, tensors) -> list[torch.Tensor]:
    """[MH, MW] of each layer: nonzero digits of the integers that the importer finds in the exported file."""
    snap_biases(model)
    export(model, path, tensors.test.x[:10])
    return [torch.tensor([[FEWEST[whole] for whole in row] for row in layer.weights.tolist()])
            for layer in import_model(path).accelerator.layers]


@pytest.mark.parametrize("changes, rows", [
    ({}, ([5] * 8, [6] * 6, [4] * 5)),
    (dict(neurons=(6, 3), batch_norm="folded", average=2), ([5] * 6, [6] * 3, [4] * 5)),
    (dict(weight_bits=(2, 3, 4), keep=(6, 2, 4)), ([6] * 8, [4] * 6, [4] * 5)),
])
def test_exactly_k_digits_in_the_exported_integers(tmp_path, changes, rows):
    tensors, config = synthetic_tensors(), DPP.with_fields(**changes)
    model, _, levels = alone(train_dpp(config, tensors))
    found = exported_digits(model, tmp_path / "model.onnx", tensors)
    for digits, wanted in zip(found, rows):
        assert digits.sum(1)[digits.any(1)].tolist() == wanted
    assert all(found[1].view(6, 2, 4).sum(-1)[found[1].any(1)].flatten() == config.keep[1])
    assert levels[0].kept == tuple(int(digits.count_nonzero()) for digits in found)


def test_a_row_with_another_number_of_digits_is_found():
    model, _, _ = alone(train_dpp(DPP, synthetic_tensors()))
    with torch.no_grad():
        model.weights[2][1] = 0
    with pytest.raises(RuntimeError, match="layer 2: rows keep .0, 4. of their candidates, not exactly 4"):
        check_rows(model, DPP, Masks(model.weights))


@pytest.mark.parametrize("saliency", ["magnitude", "fisher", "random"])
def test_qap_leaves_at_most_its_share_and_no_digit_comes_back(tmp_path, saliency):
    tensors, training_digits = synthetic_tensors(), []
    model, prepared, start, _ = alone(qap.train_dense(QAP, tensors))
    training, after_cuts = qap.prune(model, QAP, saliency, prepared, start), []
    task = next(training)
    try:
        while True:
            layers = task.model.layers
            after_cuts.append([layer.parametrizations.weight[0].counts for layer in layers])
            hooks = [layer.register_forward_pre_hook(lambda layer, args, i=i: training_digits.append((i, digit_counts(layer))))
                     for i, layer in enumerate(layers)]
            done = fit(task)
            [hook.remove() for hook in hooks]
            assert training_digits and all(torch.all(found <= after_cuts[-1][i]) for i, found in training_digits)
            training_digits.clear()
            task = training.send(done)
    except StopIteration as end:
        levels = end.value
    total = 3 * sum(weight.numel() for weight in model.weights)
    assert [sum(int(counts.sum()) for counts in cut) for cut in after_cuts] == [round(0.4 * total), round(0.15 * total)]
    assert all(torch.all(after <= before) for before, after in zip(*after_cuts))
    assert levels[1].kept == tuple(int((counts > 0).sum()) for counts in after_cuts[1])
    found = exported_digits(model, tmp_path / "model.onnx", tensors)
    assert all(torch.all(digits <= counts) for digits, counts in zip(found, after_cuts[1]))
    assert 0.1 * total < sum(int(digits.sum()) for digits in found)


def test_what_is_cut_first_is_the_smallest_change():
    """Of 16 + 2, 1 and 31 (units of the scale) the 1 of 31 = 32 - 1 goes with the 1 that stands alone; then the 2 of 18."""
    layer = linear_layer(3, 1, 6)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[18.0, 1.0, 31.0]]))
    masks = DigitMasks([layer])
    assert masks.changes()[0].tolist() == [[[16.0, 2.0, 0.0], [1.0, 0.0, 0.0], [16.0, 15.0, 0.0]]]
    masks.prune(masks.changes(), 4)
    assert digit_counts(layer).tolist() == [[2, 0, 2]] and masks.counts == [4] and masks.living == [2]
    masks.prune(masks.changes(), 3)
    assert digit_counts(layer).tolist() == [[1, 0, 2]] and torch.round(layer.weight).tolist() == [[16.0, 0.0, 31.0]]


def test_a_weight_with_other_digits_than_its_mask_is_found():
    layer = linear_layer(4, 2, 6)
    masks = DigitMasks([layer])
    masks.prune(masks.changes(), 8)
    masks.check()
    with torch.no_grad():
        layer.weight[0] = layer.weight.abs().max() * 21 / 32
    with pytest.raises(RuntimeError, match="layer 0: . weights have other digits than their masks allow"):
        masks.check()


def test_the_weights_are_plain_again_after_a_fault():
    layer = linear_layer(4, 2, 6)
    masks = DigitMasks([layer])
    masks.prune(masks.changes(), 8)
    with pytest.raises(ZeroDivisionError), masks.held():
        assert hasattr(layer, "parametrizations")
        1 / 0
    assert isinstance(layer.weight, nn.Parameter) and not hasattr(layer, "parametrizations") and masks.weights[0] is layer.weight
    masks.check()


@pytest.mark.parametrize("config", [QAP.with_fields(remaining=(0.2,)), DPP])
def test_the_same_seed_gives_the_same_bits(config):
    states = []
    for _ in range(2):
        if config.method == "dpp":
            model = alone(train_dpp(config, synthetic_tensors()))[0]
        else:
            model, prepared, start, _ = alone(qap.train_dense(config, synthetic_tensors()))
            alone(qap.prune(model, config, "fisher", prepared, start))
        states.append(model.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("fields, told", [
    (dict(granularity="blocks"), r"granularity \(blocks\) is of method dpp; qap prunes weights or digits"),
    (dict(granularity="digits", weight_bits=32), "granularity digits needs weight_bits of 2 to 16 in every layer"),
    (dict(granularity="digits", weight_bits=(6, 32, 6), method="dpp"), "granularity digits needs weight_bits of 2 to 16 in every layer"),
    (dict(granularity="digit"), "did you mean 'digits'"),
    (dict(average=-1), r"average \(-1\) must be at least 0"),
])
def test_what_cannot_be_is_told(fields, told):
    with pytest.raises(ValueError, match=told):
        TINY.with_fields(**fields)


def test_impossible_k_names_the_layer():
    with pytest.raises(ValueError, match=r"layer 1: keep \(13\) must be 1 to 12, the candidates of a tile"):
        alone(train_dpp(DPP.with_fields(keep=(5, 13, 4)), synthetic_tensors()))
    with pytest.raises(ValueError, match=r"layer 2: keep \(7\) must be 1 to 6: 3 digits for each of the 2 inputs that live in a layer"):
        alone(train_dpp(DPP.with_fields(neurons=(6, 2), keep=(5, 3, 7)), synthetic_tensors()))
