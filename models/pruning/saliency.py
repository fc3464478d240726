"""How much a weight matters: the scores by which global pruning chooses. Each is a list of [MH, MW] tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.objective import OBJECTIVES


def magnitude(weights: list[nn.Parameter]) -> list[Tensor]:
    """|w|, as in Hawks et al. 2021."""
    return [weight.detach().abs() for weight in weights]


def random(weights: list[nn.Parameter], generator: torch.Generator) -> list[Tensor]:
    """Uniform noise: the control."""
    return [torch.rand(weight.shape, generator=generator) for weight in weights]


def fisher(model, x: Tensor, y: Tensor) -> list[Tensor]:
    """w^2 x E[(dloss/dw)^2] over the samples: the second-order estimate of what the loss gains when w goes to zero.

    x [N, F] quantised inputs, y [N]. A linear layer's gradient for one sample is the outer product of its output gradient
    and its input, so the second moment over samples is (delta^2)^T (input^2) / N: exact, in one backward pass.
    """
    was_training = model.training
    model.eval()
    inputs, outputs = {}, {}

    def keep(layer, args, output):
        output.retain_grad()
        inputs[layer], outputs[layer] = args[0].detach(), output

    hooks = [layer.register_forward_hook(keep) for layer in model.layers]
    try:
        with torch.enable_grad():
            OBJECTIVES[model.task].loss(model.forward_quantised(x), y, reduction="sum").backward()
    finally:
        for hook in hooks:
            hook.remove()
        model.zero_grad(set_to_none=True)
        model.train(was_training)
    return [
        layer.weight.detach() ** 2 * ((outputs[layer].grad ** 2).T @ inputs[layer] ** 2) / len(x)
        for layer in model.layers
    ]
