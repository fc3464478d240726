"""A training of method `widths`: soft labels, the walk, and the network of the front that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.configuration import TrainConfig
from models.tensors import Tensors
from models.widths.model import WidthModel, prepared
from models.widths.teacher import soft_labels
from models.widths.walk import Plan, Walk

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
    """The front of one walk, from large to small, each network as it is reached. Deterministic: every random choice from config.seed."""
    centre, reach = prepared(tensors.train.x)
    x = (tensors.train.x - centre) / reach
    targets = labels(config, tensors, report)
    plan = Plan(config.walk_steps, config.rests, config.first_price, config.last_price, config.least_area)
    return reached(Walk(config.hidden, x, targets, plan, config.seed), tensors, centre, reach, report)


@torch.no_grad()
def reached(walk: Walk, tensors: Tensors, centre: Tensor, reach: Tensor, report: Report) -> Iterator[FrontNet]:
    """What the walk comes by, with its score on validation; features are centred by `centre` and divided by `reach`."""
    for stop in walk.stops():
        model = WidthModel.of(stop.net, centre, reach)
        logits = model(tensors.validation.x)
        loss = F.cross_entropy(logits * stop.net.sharpness, tensors.validation.y).item()
        score = right_share(logits, tensors.validation.y)
        kept = tuple(int(weight.count_nonzero()) for weight in model.quantised_weights())
        report(f"widths, {stop.area:.0f} LUT", stop.step, loss)
        yield FrontNet(model, stop.area, kept, score, loss)


def labels(config: TrainConfig, tensors: Tensors, report: Report) -> Tensor:
    """Shares of classes [N, classes]: `label_share` of the labels themselves, the rest what the teachers say."""
    x, y, classes = (tensors.train.x - tensors.mean) / tensors.std, tensors.train.y, len(tensors.classes)
    hard = F.one_hot(y, classes).float()
    if not config.teachers and not config.trees:
        return hard
    report("teachers", 0, 0.0)
    soft = soft_labels(x, y, classes, config.teachers, config.trees, config.teacher_epochs, config.seed)
    return config.label_share * hard + (1 - config.label_share) * soft


def choose(front: list[FrontNet], goal: float | None) -> FrontNet:
    """The smallest of at least `goal` on validation; without one, or where none has it, the best on validation."""
    good = [net for net in front if goal is not None and net.validation >= goal]
    return min(good, key=lambda net: net.area) if good else max(front, key=lambda net: net.validation)


def right_share(logits: Tensor, y: Tensor) -> float:
    return (logits.argmax(1) == y).double().mean().item()
