"""How much what can be pruned matters: the scores by which global pruning chooses.

`changes` [MH, MW] (of digits [MH, MW, slots]) say by how much each weight changes: Masks.changes. Each score has their shapes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.objective import OBJECTIVES


def magnitude(changes: list[Tensor]) -> list[Tensor]:
    """The change itself: |w|, as in Hawks et al. 2021."""
    return changes


def random(changes: list[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Uniform noise: the control."""
    return [torch.rand(change.shape, generator=generator) for change in changes]


def fisher(changes: list[Tensor], model, x: Tensor, y: Tensor) -> list[Tensor]:
    """change^2 x E[(dloss/dw)^2] over the samples: the second-order estimate of what the loss gains by the change (of all of w where a
    weight is pruned)."""
    moments = second_moments(model, x, y)
    return [change**2 * moment.view(*moment.shape, *[1] * (change.dim() - 2)) for change, moment in zip(changes, moments)]


def second_moments(model, x: Tensor, y: Tensor) -> list[Tensor]:
    """E[(dloss/dw)^2] over the samples, [MH, MW] of each layer.

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
    return [(outputs[layer].grad ** 2).T @ inputs[layer] ** 2 / len(x) for layer in model.layers]
