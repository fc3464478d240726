"""Quantisation-aware pruning: train, prune globally by saliency, fine-tune (or rewind), again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from models import checkpoint
from models.configuration import TrainConfig
from models.drivers import Training
from models.fitting import Fit, FitPlan, Quantised, Task, accuracy
from models.float_start import start_from_float
from models.network import QuantMLP
from models.objective import outputs
from models.pruning import saliency as criteria
from models.pruning.digits import DigitMasks
from models.pruning.masks import Masks, snapshot
from models.tensors import Tensors

FISHER_SAMPLES = 16384


@dataclass(frozen=True)
class Prepared:
    """Quantised inputs and labels of the three parts: what the training loop runs on."""

    train: Quantised
    validation: Quantised
    test: Quantised


@dataclass(frozen=True)
class Level:
    """The net after one iteration. `kept` counts living weights by layer; `state` is its state_dict."""

    remaining: float
    kept: tuple[int, ...]
    fit: Fit
    validation_accuracy: float
    state: dict


Report = Callable[[str, int, float], None]  # stage, epoch, validation loss


def no_report(stage: str, epoch: int, loss: float) -> None:
    pass


def build(config: TrainConfig, tensors: Tensors) -> QuantMLP:
    """The network of `config` before training: random weights that depend on the seed alone, or those of `config.start` or
    `config.float_start`."""
    torch.manual_seed(config.seed)
    units = None if tensors.target_mean is None else (tensors.target_mean, tensors.target_std)
    model = QuantMLP(config, tensors.mean, tensors.std, len(tensors.classes), units)
    if config.start:
        checkpoint.load(model, config.start)
    if config.float_start:
        start_from_float(model, config, tensors)
    return model


def outputs_of(config: TrainConfig, tensors: Tensors) -> int:
    return outputs(config.task, len(tensors.classes))


def prepare(model: QuantMLP, tensors: Tensors) -> Prepared:
    """Standardise and quantise every feature once; neither has anything to learn."""
    with torch.no_grad():
        return Prepared(*((model.quantise_input(part.x).detach(), part.y)
                          for part in (tensors.train, tensors.validation, tensors.test)))


def train_dense(config: TrainConfig, tensors: Tensors, report: Report = no_report) -> Training:
    """A training that returns (QuantMLP, Prepared, dict, Level): the net before any pruning, the prepared data, its initial
    state (to rewind to), and its scores."""
    model = build(config, tensors)
    prepared = prepare(model, tensors)
    start = snapshot(model)
    data = prepared.train, prepared.validation
    done = yield Task(model, *data, fit_plan(config, config.dense_epochs), shuffler(config, 0), on_epoch=_named(report, "dense"))
    if config.batch_norm == "folded":
        model.fold_batch_norm()
        done = yield Task(model, *data, fit_plan(config), shuffler(config, 1), on_epoch=_named(report, "folded"))
        start = rewound_start(model, start)
    return model, prepared, start, level(model, Masks(model.weights), 1.0, done, prepared)


def rewound_start(model: QuantMLP, start: dict) -> dict:
    """The initial state in the shape of a model whose batch norms are merged: at the start they are the identity."""
    return {key: value for key, value in start.items() if key in model.state_dict()}


def prune(
    model: QuantMLP, config: TrainConfig, saliency: str, prepared: Prepared, start: dict, report: Report = no_report,
    on_level: Callable[[Level], None] = lambda level: None,
) -> Training:
    """A training that prunes `model` in place along `config.remaining`, with a fit after each cut; returns a list of Levels."""
    masks, levels = masks_of(model, config), []
    for number, share in enumerate(config.remaining):
        masks.prune(scores(model, masks, saliency, prepared, config, number), round(share * masks.total), config.by_layer("floor"))
        if config.rewind:
            model.load_state_dict(start)
            masks.apply()
        final = number == len(config.remaining) - 1
        plan = final_plan(config) if final else fit_plan(config)
        with masks.held() as hold:
            done = yield Task(model, prepared.train, prepared.validation, plan, shuffler(config, 2 + number), after_step=hold,
                              on_epoch=_named(report, f"{saliency} {share:.1%} left"))
        masks.check()
        levels.append(level(model, masks, share, done, prepared))
        on_level(levels[-1])
    return levels


def masks_of(model: QuantMLP, config: TrainConfig) -> Masks:
    """Of weights or of digits; all of them live."""
    return DigitMasks(model.layers) if config.granularity == "digits" else Masks(model.weights)


def scores(model: QuantMLP, masks: Masks, saliency: str, prepared: Prepared, config: TrainConfig, number: int) -> list[torch.Tensor]:
    """The saliency of every weight (digit) before cut `number`."""
    changes = masks.changes()
    if saliency == "magnitude":
        return criteria.magnitude(changes)
    if saliency == "fisher":
        x, y = prepared.train
        return criteria.fisher(changes, model, x[:FISHER_SAMPLES], y[:FISHER_SAMPLES])
    return criteria.random(changes, shuffler(config, 1000 + number))


def level(model: QuantMLP, masks: Masks, share: float, done: Fit, prepared: Prepared) -> Level:
    return Level(share, tuple(masks.living), done, accuracy(model, prepared.validation), snapshot(model))


def fit_plan(config: TrainConfig, epochs: int | None = None, learning_rate: float | None = None, average: int = 0) -> FitPlan:
    return FitPlan(epochs or config.epochs, config.patience, learning_rate or config.learning_rate, config.batch_size,
                   config.schedule, config.l1, average)


def final_plan(config: TrainConfig) -> FitPlan:
    """Of the last fit of a training that prunes."""
    return fit_plan(config, config.final_epochs, config.final_learning_rate, config.average)


def shuffler(config: TrainConfig, stage: int) -> torch.Generator:
    """The random order of stage number `stage`: reproducible, and another one for each stage."""
    return torch.Generator().manual_seed(config.seed * 100_003 + stage)


def _named(report: Report, stage: str) -> Callable[[int, float], None]:
    return lambda epoch, loss: report(stage, epoch, loss)
