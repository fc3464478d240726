"""What the worker processes of a budget do: train and price. Everything lands in files, from which the parent reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from build_dataflow.budget.budget import Budget, Priced, price
from models import qap
from models.configuration import TrainConfig
from models.data import Dataset, load_dataset
from models.ladder import Ladder, Rung, ladder_folder
from models.metrics.hardware import digits
from models.record import write_json
from models.study.evaluate import integer_weights
from models.tensors import Tensors, to_tensors
from models.training import float_accuracies

ENOUGH = 0.5
"""A ladder ends at this share of the LUT budget,"""
LOST = 0.04
"""and where a rung's accuracy is so far below the best one's."""


@dataclass(frozen=True)
class Arm:
    """A way to train: `name`, and the training itself."""

    name: str
    config: TrainConfig


@lru_cache(maxsize=1)
def dataset(name: str, label: str | None, drop: tuple[str, ...], task: str) -> Dataset:
    return load_dataset(name, label, drop, task)


def tensors_of(config: TrainConfig) -> tuple[Dataset, Tensors]:
    data = dataset(config.dataset, config.label, config.drop, config.task)
    return data, to_tensors(data, config)


def ladder(arm: Arm, root: Path) -> Ladder:
    data, tensors = tensors_of(arm.config)
    return Ladder(arm.name, arm.config, tensors, ladder_folder(root, arm.name, arm.config, data.sha256))


def float_twin(config: TrainConfig, root: Path) -> dict[str, float]:
    """Accuracies of the float twin, trained once."""
    torch.set_num_threads(1)
    data, tensors = tensors_of(config)
    path = ladder_folder(root, "float", config, data.sha256).with_suffix(".json")
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, float_accuracies(config, tensors, qap.no_report))
    return json.loads(path.read_text())


def climb_down(arm: Arm, root: Path, budget: Budget) -> list[Priced]:
    """Every rung of an arm, priced, down to where nothing is to be gained."""
    torch.set_num_threads(1)
    found, best = [], 0.0
    steps = ladder(arm, root)
    for rung in steps.rungs():
        found.append(priced(steps, rung, budget))
        best = max(best, rung.accuracy)
        if done(found[-1], best, budget):
            break
    return found


def done(last: Priced, best: float, budget: Budget) -> bool:
    """Whether a ladder need not go lower."""
    if last.cost is None:
        return False
    if budget.lut is not None and budget.max_loss is None:
        return last.cost.lut <= ENOUGH * budget.lut
    timely = budget.latency_ns is None or last.cost.latency_ns <= budget.latency_ns
    return timely and last.rung.accuracy < best - max(LOST, 2 * (budget.max_loss or 0))


def polish(arm: Arm, root: Path, budget: Budget, above: str, share: float, epochs: int, seed: int) -> Priced:
    """A rung fitted for long."""
    torch.set_num_threads(1)
    steps = ladder(arm, root)
    return priced(steps, steps.polish(above, share, epochs, seed), budget)


def priced(steps: Ladder, rung: Rung, budget: Budget) -> Priced:
    model, _ = steps.load(rung.key)
    return price(rung, digits(integer_weights(model)), budget)
