"""Saliencies against their definitions."""

import torch
from torch.nn import functional as F

from models import qap
from models.pruning.masks import Masks
from models.pruning.saliency import fisher, magnitude
from tests.models.synthetic import TINY, synthetic_tensors


def test_magnitude_by_hand():
    masks = Masks([torch.nn.Parameter(torch.tensor([[-2.0, 0.5]]))])
    assert torch.equal(magnitude(masks.changes())[0], torch.tensor([[2.0, 0.5]]))


def test_fisher_is_the_second_moment_of_each_samples_gradient():
    # Float weights: a quantised tensor's scale has a gradient of its own, which the formula leaves out.
    model = qap.build(TINY.with_fields(batch_norm="on", weight_bits=32), synthetic_tensors())
    x, y = (values[:40] for values in qap.prepare(model, synthetic_tensors()).train)
    found = fisher(Masks(model.weights).changes(), model, x, y)
    model.eval()
    moments = [torch.zeros_like(weight) for weight in model.weights]
    for i in range(len(x)):
        model.zero_grad()
        F.cross_entropy(model.forward_quantised(x[i : i + 1]), y[i : i + 1]).backward()
        for moment, weight in zip(moments, model.weights):
            moment += weight.grad**2 / len(x)
    for score, moment, weight in zip(found, moments, model.weights):
        torch.testing.assert_close(score, weight.detach() ** 2 * moment, rtol=1e-3, atol=1e-9)
