"""Masks over the weight matrices: which weights live. They act on the weights themselves, before any forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Masks:
    """One boolean mask [MH, MW] for each weight matrix; True is alive. Each net has its own."""

    def __init__(self, weights: list[nn.Parameter]):
        self.weights = weights
        self.alive = [torch.ones_like(weight, dtype=torch.bool) for weight in weights]

    def apply(self) -> None:
        """Set every pruned weight to exactly zero. To be called after each optimiser step."""
        with torch.no_grad():
            for weight, alive in zip(self.weights, self.alive):
                weight.mul_(alive)

    def prune(self, scores: list[Tensor], keep: int, floor: tuple[int, ...] = ()) -> None:
        """Keep the `keep` living weights of highest score over all layers, but at least `floor` of each layer.

        Ties fall to the earlier weight, so the count is exact. ValueError where the floors alone exceed `keep`.
        """
        floor = floor or (0,) * len(self.alive)
        self.alive = select(scores, self.alive, keep, floor)
        self.apply()

    def changes(self) -> list[Tensor]:
        """By how much each weight changes when it is pruned: |w|."""
        return [weight.detach().abs() for weight in self.weights]

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """While a fit runs: what is to be called after each of its steps."""
        yield self.apply

    @property
    def counts(self) -> list[int]:
        """What lives (weights here), layer by layer."""
        return [int(alive.sum()) for alive in self.alive]

    @property
    def living(self) -> list[int]:
        """Living weights, layer by layer."""
        return self.counts

    @property
    def total(self) -> int:
        """Of what can be pruned."""
        return sum(alive.numel() for alive in self.alive)

    def check(self) -> None:
        """RuntimeError where a pruned weight is not exactly zero."""
        for i, (weight, alive) in enumerate(zip(self.weights, self.alive)):
            leaked = int(torch.count_nonzero(weight.detach()[~alive]))
            if leaked:
                raise RuntimeError(f"layer {i}: {leaked} pruned weights are not zero")


def select(scores: list[Tensor], alive: list[Tensor], keep: int, floor: tuple[int, ...]) -> list[Tensor]:
    """Masks of the `keep` best living weights over all layers, with at least `floor[i]` in layer i."""
    guaranteed = [best(score.masked_fill(~living, -torch.inf), min(least, int(living.sum())))
                  for score, living, least in zip(scores, alive, floor)]
    taken = sum(int(mask.sum()) for mask in guaranteed)
    living = sum(int(mask.sum()) for mask in alive)
    if taken > keep:
        raise ValueError(f"floors of {list(floor)} weights keep {taken}, more than the {keep} that shall remain")
    if keep > living:
        raise ValueError(f"{keep} weights shall remain, only {living} are left")
    open_scores = torch.cat([
        score.masked_fill(~living | held, -torch.inf).flatten() for score, living, held in zip(scores, alive, guaranteed)
    ])
    chosen = best(open_scores, keep - taken)
    pieces = chosen.split([mask.numel() for mask in alive])
    return [held | piece.view_as(held) for held, piece in zip(guaranteed, pieces)]


def best(scores: Tensor, count: int) -> Tensor:
    """Boolean mask of the `count` highest scores; of equal ones the earlier."""
    order = torch.argsort(scores.flatten(), descending=True, stable=True)
    mask = torch.zeros(scores.numel(), dtype=torch.bool)
    mask[order[:count]] = True
    return mask.view_as(scores)


def snapshot(model: nn.Module) -> dict:
    """A deep copy of the model's state: later training cannot reach into it."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
