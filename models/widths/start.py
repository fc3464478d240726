"""Where a walk starts: a float network trained on the soft labels, in as many bits and digits as cost it nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.widths.digits import MOST
from models.widths.network import Shape, WidthNet

INPUT_BITS, BITS = 8, 6
BATCH, RATE = 512, 5e-3


def float_weights(x: Tensor, targets: Tensor, hidden: tuple[int, ...], epochs: int, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """(weights, biases) of a plain float network on x [N, F] and shares of classes [N, classes]: one cycle of AdamW."""
    torch.manual_seed(seed)
    widths = (x.shape[1], *hidden, targets.shape[1])
    linear = [nn.Linear(fan_in, fan_out) for fan_in, fan_out in zip(widths, widths[1:])]
    net = nn.Sequential(*(part for layer in linear for part in (layer, nn.ReLU())))[:-1]
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    batch = min(BATCH, len(x))
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            rows = order[start: start + batch]
            loss = -(net(x[rows]).log_softmax(1) * targets[rows]).sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return [layer.weight.detach() for layer in linear], [layer.bias.detach() for layer in linear]


def start_from(weights: list[Tensor], biases: list[Tensor], x: Tensor) -> WidthNet:
    """With INPUT_BITS for each feature and BITS for each neuron, over what all but a thousandth of x reaches."""
    digits = [torch.full(weight.shape, MOST - 1) for weight in weights]
    fraction, bits, a = [], [], x
    for place, (weight, bias) in enumerate(zip(weights, biases)):
        reach = torch.ceil(torch.log2(a.abs().quantile(0.999, dim=0).clamp_min(2.0**-6))).long()
        fraction.append((BITS if place else INPUT_BITS - 1) - reach)
        bits.append(torch.full_like(reach, BITS if place else INPUT_BITS))
        a = torch.relu(a @ weight.T + bias)
    return WidthNet(weights, biases, Shape(digits, fraction, bits))
