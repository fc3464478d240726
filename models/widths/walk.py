"""One run from large to small: slopes of the loss and of the LUTs together, under a rising price for LUTs, and a network kept at each rest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from models.widths.area import area, area_slopes
from models.widths.layout import Layout, all_of
from models.widths.learner import Learner
from models.widths.network import Network

RATE, BATCH = 5e-3, 1024
FASTER = 3.0
"""Of the rate: for the bits of weights."""
FIRST_BETA, SECOND_BETA = 0.1, 0.001
"""Of a step's slope that goes into Adam's first and second moment."""
HELD = 0.05
"""Of the walk at its first price."""
PRICED = 8
"""Steps from one look at the LUTs' slopes to the next."""
INPUT_FRACTION, INPUT_WHOLE, FRACTION, WHOLE, WEIGHT_FRACTION = 6.0, 1.3, 4.0, 2.0, 3.0
"""Bits at the start, behind and before the binary point."""


@dataclass(frozen=True)
class Plan:
    """steps: batches of the whole walk; rests: how often the rate falls to zero on the way, each a network of the front; first_price,
    last_price: nats of cross-entropy for a LUT; least: LUTs at which the walk ends early."""

    steps: int = 40000
    rests: int = 25
    first_price: float = 6e-6
    last_price: float = 2e-4
    least: float = 250.0

    @property
    def cycle(self) -> int:
        """Steps from rest to rest."""
        return self.steps // self.rests

    def price(self, step: int) -> float:
        way = max(0.0, (step / self.steps - HELD) / (1 - HELD))
        return self.first_price * (self.last_price / self.first_price) ** way

    def rate(self, step: int) -> float:
        return RATE * (0.5 + 0.5 * math.cos(math.pi * (step % self.cycle) / self.cycle))


@dataclass(frozen=True)
class Stop:
    """A network of the front, tidied, and LUTs by the training's own sum."""

    net: Network
    area: float
    step: int


class Walk:
    """On features x [N, F] (centred, not quantised) and targets [N, classes]; `stops()` yields the front, from large to small."""

    def __init__(self, hidden: tuple[int, ...], x: Tensor, targets: Tensor, plan: Plan, seed: int):
        self.x, self.targets, self.plan = x, targets, plan
        self.generator = torch.Generator().manual_seed(seed)
        self.learner = fresh((x.shape[1], *hidden, targets.shape[1]), self.generator)
        self.moments, self.batches = [torch.zeros_like(self.learner.vector) for _ in range(2)], self._batches()

    def stops(self) -> Iterator[Stop]:
        smallest = math.inf
        for number in range(self.plan.rests):
            self._cycle(number * self.plan.cycle)
            net = self.learner.network().tidied()
            if not all(bits.any() for bits in net.bits):
                return
            found = area(net)
            if found < smallest:
                smallest = found
                yield Stop(net, found, (number + 1) * self.plan.cycle)
            if found < self.plan.least:
                return
            self.moments = self.learner.compact(*self.moments)

    def _cycle(self, first: int) -> None:
        features = self.x[:, self.learner.living[0]].contiguous()
        for step in range(first, first + self.plan.cycle):
            if step % PRICED == 0 or step == first:
                priced = area_slopes(self.learner)
            rows = next(self.batches)
            slopes = self.learner.slopes(features[rows], self.targets[rows]).add_(priced, alpha=self.plan.price(step))
            self._adam(slopes, self.plan.rate(step), step + 1)

    def _batches(self) -> Iterator[Tensor]:
        size = min(BATCH, len(self.x))
        while True:
            yield from torch.randperm(len(self.x), generator=self.generator)[: len(self.x) // size * size].split(size)

    def _adam(self, slopes: Tensor, rate: float, step: int) -> None:
        first, second = self.moments
        first.lerp_(slopes, FIRST_BETA)
        second.lerp_(slopes.square_(), SECOND_BETA)
        spread = second.sqrt().div_(math.sqrt(1 - (1 - SECOND_BETA) ** step)).add_(1e-8)
        change = (first / spread).mul_(rate / (1 - (1 - FIRST_BETA) ** step))
        change[all_of(self.learner.layout.weight_fractions)] *= FASTER
        self.learner.vector.sub_(change)


def fresh(sizes: tuple[int, ...], generator: torch.Generator) -> Learner:
    """Random weights, and the bits at the start."""
    layout = Layout(sizes)
    vector = torch.zeros(layout.size)
    for layer, shape in enumerate(layout.shapes):
        layout.matrix(vector, layout.weights, layer).copy_(torch.randn(shape, generator=generator) * math.sqrt(2 / shape[1]))
        vector[layout.fractions[layer]] = FRACTION if layer else INPUT_FRACTION
        vector[layout.wholes[layer]] = WHOLE if layer else INPUT_WHOLE
    vector[all_of(layout.weight_fractions)] = WEIGHT_FRACTION
    return Learner(layout, vector)
