"""The short cut of the training loop gives Brevitas' outputs and gradients."""

import pytest
import torch

from models.fake_quant import FastQuantLinear, FastQuantReLU


def both(layer, x, parameters):
    """[outputs and gradients of x and parameters] by the short cut and by Brevitas' own forward."""
    results = []
    for forward in (layer.forward, super(type(layer), layer).forward):
        x = x.detach().requires_grad_()
        for parameter in parameters:
            parameter.grad = None
        torch.manual_seed(3)
        y = forward(x)
        (y * torch.randn_like(y)).sum().backward()
        results.append([y.detach(), x.grad, *(parameter.grad.clone() for parameter in parameters)])
    return results


@pytest.mark.parametrize("bits", [2, 4, 6, 12])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_linear_equals_brevitas(bits, scale):
    torch.manual_seed(0)
    layer = FastQuantLinear(16, 12, bits).train()
    with torch.no_grad():
        layer.weight.mul_(scale * (torch.rand_like(layer.weight) < 0.5))
        layer.weight[3, 4] = -layer.weight.abs().max()
    fast, brevitas = both(layer, torch.randn(40, 16), [layer.weight, layer.bias])
    assert torch.equal(fast[0], brevitas[0])
    for a, b in zip(fast[1:], brevitas[1:]):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("bits", [1, 3, 5, 12])
@pytest.mark.parametrize("log_scale", [-1.3, 0.0, 2.0])
def test_relu_equals_brevitas(bits, log_scale):
    torch.manual_seed(0)
    layer = FastQuantReLU(bits, max_val=4.0).train()
    layer.log_scale.data.fill_(log_scale)
    ties = torch.arange(-20, 60) * 2.0 ** (-bits - 1)
    x = torch.cat([torch.randn(400) * 4, ties, torch.zeros(2)]).reshape(-1, 2)
    fast, brevitas = both(layer, x, [layer.log_scale])
    assert torch.equal(fast[0], brevitas[0])
    assert torch.equal(fast[1], brevitas[1])
    torch.testing.assert_close(fast[2], brevitas[2], rtol=1e-4, atol=1e-3)


def test_training_and_evaluation_agree():
    torch.manual_seed(0)
    layer, x = FastQuantLinear(16, 12, 5), torch.randn(20, 16)
    assert torch.equal(layer.train()(x), layer.eval()(x))
