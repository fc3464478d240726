"""A training of method `widths`: soft labels, the walk, the annealing, and the network of the front that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.configuration import TrainConfig
from models.tensors import Tensors
from models.widths.anneal import Cooling, annealed
from models.widths.model import WidthModel, prepared
from models.widths.teacher import soft_labels
from models.widths.walk import Plan, Stop, Walk

Report = Callable[[str, int, float], None]


@dataclass(frozen=True)
class FrontNet:
    """A network of the front: LUTs by the training's own sum, living weights by layer, and what it scores on validation."""

    model: WidthModel
    area: float
    kept: tuple[int, ...]
    validation: float
    loss: float


def train_front(config: TrainConfig, tensors: Tensors, report: Report) -> Iterator[FrontNet]:
    """The front of one walk and of the annealing after it, from large to small, each network as it is reached. Deterministic on one
    processor: every random choice from config.seed."""
    centre, reach = prepared(tensors.train.x)
    x, targets = (tensors.train.x - centre) / reach, labels(config, tensors, report)
    for stop in stops(config, x, targets, report):
        yield reached(stop, tensors, centre, reach, report)


def stops(config: TrainConfig, x: Tensor, targets: Tensor, report: Report) -> Iterator[Stop]:
    """Of the walk, then of the annealing; of two of the same LUTs the first alone, since its LUTs are a network's name."""
    seen: set[float] = set()
    for stop in _walked_and_annealed(config, x, targets, report):
        if stop.area not in seen:
            seen.add(stop.area)
            yield stop


def _walked_and_annealed(config: TrainConfig, x: Tensor, targets: Tensor, report: Report) -> Iterator[Stop]:
    plan = Plan(config.walk_steps, config.rests, config.first_price, config.last_price, config.least_area)
    last = None
    for last in Walk(config.hidden, x, targets, plan, config.seed).stops():
        yield last
    if last and config.annealed:
        cooling = Cooling(config.annealed, config.trials, config.first_annealed_price, config.last_annealed_price)
        yield from annealed(last.net, x, targets, cooling, config.seed, lambda trials, loss: report("annealing, trial", trials, loss))


@torch.no_grad()
def reached(stop: Stop, tensors: Tensors, centre: Tensor, reach: Tensor, report: Report) -> FrontNet:
    """With its score on validation; features are centred by `centre` and divided by `reach`."""
    model = WidthModel.of(stop.net, centre, reach)
    logits = model(tensors.validation.x)
    loss = F.cross_entropy(logits * stop.net.sharpness, tensors.validation.y).item()
    kept = tuple(int(weight.count_nonzero()) for weight in model.quantised_weights())
    report(f"widths, {stop.area:.0f} LUT", stop.step, loss)
    return FrontNet(model, stop.area, kept, right_share(logits, tensors.validation.y), loss)


def labels(config: TrainConfig, tensors: Tensors, report: Report) -> Tensor:
    """Shares of classes [N, classes]: `label_share` of the labels themselves, the rest what the teachers say."""
    x, y, classes = (tensors.train.x - tensors.mean) / tensors.std, tensors.train.y, len(tensors.classes)
    hard = F.one_hot(y, classes).float()
    if not config.teachers and not config.trees:
        return hard
    soft = soft_labels(x, y, classes, config.teachers, config.trees, config.teacher_epochs, config.seed,
                       lambda fold: report("teachers, part", fold, 0.0))
    return config.label_share * hard + (1 - config.label_share) * soft


def choose(front: list[FrontNet], goal: float | None) -> FrontNet:
    """The smallest of at least `goal` on validation; without one, or where none has it, the best on validation."""
    good = [net for net in front if goal is not None and net.validation >= goal]
    return min(good, key=lambda net: net.area) if good else max(front, key=lambda net: net.validation)


def right_share(logits: Tensor, y: Tensor) -> float:
    return (logits.argmax(1) == y).double().mean().item()
