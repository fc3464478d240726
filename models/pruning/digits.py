"""Signed digits as what is pruned: a weight is a sum of signed powers of two, and a mask says of how many.

The whole number of a weight of `bits` has at most (bits + 1) // 2 nonzero digits where no two are neighbours (canonical signed
digits, the form with the fewest). A mask has so many slots for each weight; a weight with d living slots is the nearest whole number of
at most d digits (`exactly`: of d), wherever they stand: in hardware a digit is an adder, and its place only a wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from models.fake_quant import scale_of
from models.metrics.hardware import signed_digits
from models.pruning.masks import Masks


def slots(bits: int) -> int:
    """Digits that a weight of `bits`, signed and narrow, can have."""
    return (bits + 1) // 2


@lru_cache
def numbers(bits: int, digits: int, exactly: bool) -> tuple[Tensor, Tensor]:
    """The magnitudes of `bits` that have at most (`exactly`: just) so many digits, ascending, and the middles between them."""
    all_of_them = np.arange(2 ** (bits - 1))
    counts = signed_digits(all_of_them)
    found = torch.tensor(all_of_them[counts == digits if exactly else counts <= digits], dtype=torch.float32)
    return found, (found[1:] + found[:-1]) / 2


def nearest(scaled: Tensor, digits: int, bits: int, exactly: bool) -> Tensor:
    """The nearest whole number of so many digits to each of `scaled`, weights in units of the scale."""
    found, middles = numbers(bits, digits, exactly)
    return torch.copysign(found[torch.bucketize(scaled.abs(), middles)], scaled)


def nearest_by_digits(scaled: Tensor, bits: int, exactly: bool) -> Tensor:
    """[..., slots + 1]: `nearest` of 0, 1, 2 ... digits."""
    return torch.stack([nearest(scaled, digits, bits, exactly) for digits in range(slots(bits) + 1)], -1)


def written(whole: Tensor, scale: Tensor, bits: int) -> Tensor:
    """The float weights that the quantiser reads as `whole` x `scale`. A little greater: a tensor whose greatest weight is a power of two
    would be given a scale of half the size, in which just that weight does not fit."""
    return whole * (scale * (1 + 2.0 ** -(bits + 1)))


class DigitLimit(nn.Module):
    """The parametrisation weight -> the weight of as many digits as slots live, `alive` booleans [MH, MW, slots]; straight through where
    any does."""

    def __init__(self, alive: Tensor, bits: int, exactly: bool):
        super().__init__()
        self.counts, self.bits, self.exactly = alive.sum(-1), bits, exactly

    def forward(self, weight: Tensor) -> Tensor:
        return digits_kept(weight, self.counts, self.bits, self.exactly)


def digits_kept(weight: Tensor, counts: Tensor, bits: int, exactly: bool) -> Tensor:
    """`weight` [MH, MW], or of S nets [S, MH, MW], with `counts` digits, as the quantiser is to read it; the gradient is the weight's own."""
    living = weight * (counts > 0)
    with torch.no_grad():
        scale = scale_of(living.abs().amax((-2, -1), keepdim=True), bits)
        whole = nearest_by_digits(living / scale, bits, exactly).gather(-1, counts[..., None])[..., 0]
        change = written(whole, scale, bits) - living
    return living + change


class DigitMasks(Masks):
    """One boolean mask [MH, MW, slots] for each quantised layer; a weight's slots die from the last to the first."""

    def __init__(self, layers: list[nn.Module], exactly: bool = False):
        super().__init__([layer.weight for layer in layers])
        self.layers, self.exactly = list(layers), exactly
        self.alive = [torch.ones(*layer.weight.shape, slots(layer.bits), dtype=torch.bool) for layer in layers]

    @torch.no_grad()
    def apply(self) -> None:
        """Give every weight its digits."""
        self.alive = [in_order(alive) for alive in self.alive]
        for layer, alive in zip(self.layers, self.alive):
            layer.weight.copy_(digits_kept(layer.weight, alive.sum(-1), layer.bits, self.exactly))

    @torch.no_grad()
    def changes(self) -> list[Tensor]:
        """[MH, MW, slots]: by how much each weight changes when it has one digit less than that slot gives it."""
        found = []
        for layer in self.layers:
            scale = scale_of(layer.weight.abs().amax(), layer.bits)
            found.append(nearest_by_digits(layer.weight / scale, layer.bits, self.exactly).diff(dim=-1).abs() * scale)
        return found

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """While a fit runs each weight has its digits in every forward pass, and moves freely beneath."""
        for layer, alive in zip(self.layers, self.alive):
            parametrize.register_parametrization(layer, "weight", DigitLimit(alive, layer.bits, self.exactly), unsafe=True)
        try:
            yield lambda: None
        finally:
            for layer in self.layers:
                parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)

    @property
    def living(self) -> list[int]:
        return [int(alive.any(-1).sum()) for alive in self.alive]

    def check(self) -> None:
        """RuntimeError where a quantised weight has more digits than its mask (`exactly`: another number)."""
        for i, (layer, alive) in enumerate(zip(self.layers, self.alive)):
            found, allowed = digit_counts(layer), alive.sum(-1)
            wrong = int((found != allowed if self.exactly else found > allowed).sum())
            if wrong:
                raise RuntimeError(f"layer {i}: {wrong} weights have other digits than their masks allow")


def in_order(alive: Tensor) -> Tensor:
    """The same number of living slots of each weight, the first ones."""
    return torch.arange(alive.shape[-1]) < alive.sum(-1, keepdim=True)


@torch.no_grad()
def digit_counts(layer: nn.Module) -> Tensor:
    """int64 [MH, MW]: nonzero digits of each weight as the hardware has it."""
    quantised = layer.quant_weight()
    return torch.from_numpy(signed_digits(torch.round(quantised.value / quantised.scale).numpy()))
