"""One run from large to small: cut what moves the answers least for each LUT, fit again, and so on; and keep the front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from models.widths.area import area
from models.widths.fit import Batches, adam_of, fit
from models.widths.moves import Moves, Trial, apply
from models.widths.network import WidthNet

SAMPLES = 3072
"""On which moves are tried."""
TRIED = 128
"""Moves of weights that are tried on samples: those that the curvature thinks best."""
NARROW = 4500
"""LUTs below which digits are taken from weights and bits from features and neurons: above, weights go whole, and each feature has so many
readers that its bits seem to cost more than they will."""
LENIENCE, PATIENCE = 2.0, 0.002
RATE, BATCH = 2e-3, 512


@dataclass(frozen=True)
class Plan:
    """steps: fits after each cut; front_steps: of each network of the front; front_from, ratio: its first is below so many LUTs, each next
    below `ratio` of the one before; least: LUTs at which the walk ends."""

    steps: int = 300
    front_steps: int = 4000
    front_from: float = 3200.0
    ratio: float = 0.85
    least: float = 250.0


@dataclass(frozen=True)
class Stop:
    """A network of the front, fitted to its end, and LUTs by the training's own sum."""

    net: WidthNet
    area: float
    price: float


class Walk:
    """`net` on features x [N, F] (centred, not quantised) and targets [N, classes]; `stops()` yields the front, from large to small."""

    def __init__(self, net: WidthNet, x: Tensor, targets: Tensor, plan: Plan, seed: int):
        self.net, self.x, self.targets, self.plan, self.seed = net, x, targets, plan, seed
        self.adam, self.batches = adam_of(net), Batches(len(x), BATCH, seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.rounds, self.price = 0, 0.0

    @property
    def area(self) -> float:
        return area(self.net.shape, self.net.effective()[0])

    def stops(self) -> Iterator[Stop]:
        self._fit(2 * self.plan.steps)
        below, now = self.plan.front_from, self.area
        while now > self.plan.least:
            self.round(now)
            now = self.area
            if now < below:
                below = now * self.plan.ratio
                yield self._stop(now)

    def round(self, now: float) -> None:
        """From `now` LUTs to some per cent fewer."""
        self.rounds += 1
        goal = now * (0.12 if now > 2 * NARROW else 0.06 if now > NARROW else 0.03)
        rows = torch.randperm(len(self.x), generator=self.generator)[:SAMPLES]
        trial = Trial(self.net, self.x[rows], self.seed + self.rounds)
        taken, self.price = cut(trial, goal, now < NARROW)
        apply(self.net, bearable(trial, taken))
        self._fit(self.plan.steps if now > 1500 else self.plan.steps * 3 // 2)

    def _fit(self, steps: int) -> None:
        fit(self.net, self.adam, self.net.features(self.x), self.targets, self.batches, steps, RATE, True)

    def _stop(self, now: float) -> Stop:
        """A copy of the network, fitted with a rate that falls to zero."""
        copy = self.net.copy()
        fit(copy, adam_of(copy), copy.features(self.x), self.targets, self.batches, self.plan.front_steps, RATE, True)
        return Stop(copy, area(copy.shape, copy.effective()[0]), self.price)


def cut(trial: Trial, goal: float, narrow: bool) -> tuple[Moves, float]:
    """The moves that save at least `goal` LUTs for the least divergence a LUT, and the price of the last of them. `narrow`: digits and bits
    too, tried on the samples; else whole weights by their curvature."""
    found = trial.fewer_weights()
    if narrow:
        found = Moves.joined([found, trial.fewer_digits()])
        found = trial.sampled(found.of(torch.argsort(found.loss / -found.area.clamp_max(-0.5))[:TRIED]))
        found = Moves.joined([found, trial.bits()])
    return chosen(found, found.loss / -found.area.clamp_max(-0.5), goal)


def bearable(trial: Trial, taken: Moves) -> Moves:
    """The first of `taken`, half as many again and again until together they move the answers at most LENIENCE times as far as the sum of what
    each does alone, or by PATIENCE: changes of neighbours add up."""
    while len(taken) > 1:
        copy = trial.net.copy()
        apply(copy, taken)
        together = trial.divergence(copy.logits(trial.x))
        if together <= max(LENIENCE * float(taken.loss.sum()), PATIENCE):
            break
        taken = taken.of(torch.arange(len(taken) // 2))
    return taken


def chosen(found: Moves, ratio: Tensor, goal: float) -> tuple[Moves, float]:
    """Those of least ratio until |area| reaches the goal, one for each weight and each feature or neuron; and the last's ratio."""
    taken, names, total, price = [], set(), 0.0, 0.0
    for row in torch.argsort(ratio, stable=True).tolist():
        name = (int(found.kind[row] > 0), int(found.layer[row]), int(found.at[row]))
        if total >= goal or name in names:
            continue
        names.add(name)
        taken.append(row)
        total += abs(float(found.area[row]))
        price = float(ratio[row])
    return found.of(torch.tensor(taken, dtype=torch.int64)), price
