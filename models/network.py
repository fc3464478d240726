"""The quantised multilayer perceptron in Brevitas: raw features in, logits out.

Every scale is per tensor and a power of two, so all values are exact in float32 and the exported net is an integer net.
"""

from __future__ import annotations

import torch
from brevitas import nn as qnn
from brevitas.inject.enum import RestrictValueType, ScalingImplType
from brevitas.quant import Int8ActPerTensorFixedPoint
from torch import Tensor, nn

from models.configuration import TrainConfig
from models.fake_quant import FastQuantLinear, FastQuantReLU
from models.objective import outputs

FLOAT_BITS = 32


class InputQuant(Int8ActPerTensorFixedPoint):
    """Signed, over a fixed range; the scale is max_val / 2^(bits-1), rounded up to a power of two."""

    scaling_impl_type = ScalingImplType.CONST
    restrict_scaling_type = RestrictValueType.POWER_OF_TWO


class Standardise(nn.Module):
    """(x - mean) / std per feature in float32: the first two nodes of the exported graph."""

    def __init__(self, mean: Tensor, std: Tensor):
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class Destandardise(nn.Module):
    """Outputs [N, T] in standard deviations from the mean -> in the units of the table. The host computes it."""

    def __init__(self, mean: Tensor, std: Tensor):
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, y: Tensor) -> Tensor:
        return y * self.std + self.mean


class QuantMLP(nn.Module):
    """Standardise, QuantIdentity, then (Linear, batch norm if any, QuantReLU) for each hidden layer, then Linear; where numbers
    are predicted, back into their units. `task` is the training's: models/objective.py."""

    def __init__(self, config: TrainConfig, mean: Tensor, std: Tensor, classes: int, units: tuple[Tensor, Tensor] | None = None):
        super().__init__()
        self.task = config.task
        widths = (len(mean), *config.hidden, outputs(config.task, classes))
        weight_bits = config.by_layer("weight_bits")
        activation_bits = config.by_layer("activation_bits", len(config.hidden))
        self.standardise = Standardise(mean, std)
        self.input_quant = input_quantiser(config)
        self.layers = nn.ModuleList(
            linear_layer(fan_in, fan_out, bits) for fan_in, fan_out, bits in zip(widths, widths[1:], weight_bits)
        )
        self.norms = nn.ModuleList(batch_norm(config.batch_norm, width) for width in config.hidden)
        self.activations = nn.ModuleList(
            nn.ReLU() if bits == FLOAT_BITS else FastQuantReLU(bits, config.activation_max) for bits in activation_bits
        )
        self.units = nn.Identity() if units is None else Destandardise(*units)

    def quantise_input(self, x: Tensor) -> Tensor:
        """Raw features [N, F] -> the values that the first layer sees. Once for a whole data set: it has nothing to learn."""
        return self.input_quant(self.standardise(x))

    def forward_quantised(self, x: Tensor) -> Tensor:
        """quantise_input(x) [N, F] -> logits [N, classes]."""
        for layer, norm, activation in zip(self.layers, self.norms, self.activations):
            x = activation(norm(layer(x)))
        return self.layers[-1](x)

    def forward(self, x: Tensor) -> Tensor:
        return self.units(self.forward_quantised(self.quantise_input(x)))

    @property
    def weights(self) -> list[nn.Parameter]:
        """The weight matrices [MH, MW], layer by layer: what pruning acts on."""
        return [layer.weight for layer in self.layers]

    def fold_batch_norm(self) -> None:
        """Merge each batch norm into the weights and bias before it, and take it out. Changes the function of a quantised
        net (its weights are quantised after the merge): train on afterwards."""
        for i, norm in enumerate(self.norms):
            if isinstance(norm, nn.Identity):
                continue
            scale = torch.rsqrt(norm.running_var + norm.eps)
            shift = -norm.running_mean * scale
            if norm.affine:
                scale, shift = scale * norm.weight, shift * norm.weight + norm.bias
            with torch.no_grad():
                self.layers[i].weight.mul_(scale[:, None])
                self.layers[i].bias.mul_(scale).add_(shift)
            self.norms[i] = nn.Identity()

    def quantised_weights(self) -> list[Tensor]:
        """The weights as the hardware has them, in real values."""
        with torch.no_grad():
            return [layer.quant_weight().value if is_quantised(layer) else layer.weight.clone() for layer in self.layers]


def is_quantised(layer: nn.Module) -> bool:
    return isinstance(layer, qnn.QuantLinear)


def linear_layer(fan_in: int, fan_out: int, bits: int) -> nn.Module:
    if bits == FLOAT_BITS:
        return nn.Linear(fan_in, fan_out)
    return FastQuantLinear(fan_in, fan_out, bits)


def input_quantiser(config: TrainConfig) -> nn.Module:
    if config.input_bits == FLOAT_BITS:
        return nn.Identity()
    return qnn.QuantIdentity(
        act_quant=InputQuant, bit_width=config.input_bits, min_val=-config.input_sigmas, max_val=config.input_sigmas
    )


def batch_norm(kind: str, width: int) -> nn.Module:
    if kind == "none":
        return nn.Identity()
    return nn.BatchNorm1d(width, affine=kind != "no_affine", track_running_stats=kind != "no_running_statistics")
