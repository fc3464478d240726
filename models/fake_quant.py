"""What Brevitas computes in the training loop, in two fused functions; evaluation and export stay Brevitas' own.

At the size of a jet tagger, two thirds of a training step are Brevitas' small tensor operations (docs/results.md has the
profile). `FastQuantLinear` and `FastQuantReLU` are Brevitas layers whose forward pass in training mode takes this short cut;
tests hold outputs and all gradients equal to Brevitas'.
"""

from __future__ import annotations

import math

import torch
from brevitas import nn as qnn
from brevitas.quant import Int8WeightPerTensorFixedPoint, Uint8ActPerTensorFixedPointMaxInit
from torch import Tensor, nn
from torch.nn import functional as F

LN2 = math.log(2.0)
SCALING_MIN = 1e-10


class WeightQuant(Int8WeightPerTensorFixedPoint):
    """Signed, narrow range; the scale is the power of two that just holds the greatest weight, taken afresh each step."""

    scaling_min_val = SCALING_MIN


class ActivationQuant(Uint8ActPerTensorFixedPointMaxInit):
    """Unsigned, with a learned power-of-two scale that starts from `max_val`."""


def scale_of(greatest: Tensor, bits: int) -> Tensor:
    """2^ceil(log2 greatest) / 2^(bits-1), `greatest` being a tensor's greatest magnitude."""
    return torch.exp2(torch.ceil(torch.log2(greatest.clamp_min(SCALING_MIN))) - (bits - 1))


class QuantiseWeight(torch.autograd.Function):
    """Signed narrow-range rounding to `bits`; scale = 2^ceil(log2 max|w|) / 2^(bits-1). Straight-through, clipping included;
    the scale's gradient goes to the weights of greatest magnitude in equal shares. Weights [MH, MW], or of S nets [S, MH, MW]
    with a scale each."""

    @staticmethod
    def forward(ctx, weight: Tensor, bits: int) -> Tensor:
        greatest = weight.abs().amax((-2, -1), keepdim=True)
        scale = scale_of(greatest, bits)
        limit = 2 ** (bits - 1) - 1
        scaled = weight / scale
        rounded = torch.round(scaled).clamp_(-limit, limit)
        ctx.save_for_backward(weight, scaled, rounded, scale, greatest)
        return rounded * scale

    @staticmethod
    def backward(ctx, gradient: Tensor):
        weight, scaled, rounded, scale, greatest = ctx.saved_tensors
        to_scale = (gradient * (rounded - scaled)).sum((-2, -1), keepdim=True)
        at_greatest = weight.abs() == greatest
        share = to_scale * scale / greatest.clamp_min(SCALING_MIN) / at_greatest.sum((-2, -1), keepdim=True)
        return gradient + share * weight.sign() * at_greatest, None


class QuantiseReLU(torch.autograd.Function):
    """ReLU, then unsigned rounding to `bits`; scale = 2^ceil(log_scale) / 2^bits. Straight-through inside the range. x of any
    shape and one log_scale, or x of S nets [S, ...] and log_scale [S]."""

    @staticmethod
    def forward(ctx, x: Tensor, log_scale: Tensor, bits: int) -> Tensor:
        scale = torch.exp2(torch.ceil(log_scale) - bits)
        scale = scale.view(*scale.shape, *[1] * (x.dim() - scale.dim()))
        limit = 2**bits - 1
        scaled = x * (1 / scale)
        rounded = torch.round(scaled).clamp_(0, limit)
        ctx.save_for_backward(scaled, rounded, scale)
        ctx.limit, ctx.shape = limit, log_scale.shape
        return rounded * scale

    @staticmethod
    def backward(ctx, gradient: Tensor):
        scaled, rounded, scale = ctx.saved_tensors
        to_x = torch.ops.aten.hardtanh_backward(gradient, scaled, 0, ctx.limit + 0.5)  # gradient where 0 < scaled < limit + 1/2
        to_scale = dots(gradient, rounded, ctx.shape) - dots(to_x, scaled, ctx.shape)
        return to_x, to_scale * scale.view(ctx.shape) * LN2, None


def dots(a: Tensor, b: Tensor, shape: torch.Size) -> Tensor:
    """The scalar product of a and b, as `shape` []; or of each of their S slices, as `shape` [S]."""
    slices = zip(*(values.reshape(shape.numel(), -1) for values in (a, b)))
    return torch.stack([torch.dot(*pair) for pair in slices]).view(shape)


class FastQuantLinear(qnn.QuantLinear):
    """qnn.QuantLinear for weights of `bits`, quantised as `QuantiseWeight` says."""

    def __init__(self, fan_in: int, fan_out: int, bits: int):
        super().__init__(fan_in, fan_out, bias=True, weight_quant=WeightQuant, weight_bit_width=bits)
        self.bits = bits

    def forward(self, x):
        if self.training:
            return F.linear(x, QuantiseWeight.apply(self.weight, self.bits), self.bias)
        return super().forward(x)


class FastQuantReLU(qnn.QuantReLU):
    """qnn.QuantReLU of `bits`, quantised as `QuantiseReLU` says, its scale starting from the range 0..max_val."""

    def __init__(self, bits: int, max_val: float):
        super().__init__(act_quant=ActivationQuant, bit_width=bits, max_val=max_val)
        self.bits = bits

    @property
    def log_scale(self) -> nn.Parameter:
        """log2 of the range, before rounding up: Brevitas' own learned parameter."""
        return self.act_quant.fused_activation_quant_proxy.tensor_quant.scaling_impl.value

    def forward(self, x):
        if self.training:
            return QuantiseReLU.apply(x, self.log_scale, self.bits)
        return super().forward(x)
