"""Fits: Adam on data that lies in memory, early stopping on the validation loss, the best state restored."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from models.learners import Alone, Stack
from models.objective import OBJECTIVES
from models.pruning.masks import snapshot

Quantised = tuple[Tensor, Tensor]  # quantised inputs [N, F] and labels [N], or targets [N, T]


@dataclass(frozen=True)
class FitPlan:
    """How long and how fast: at most `epochs`, ended after `patience` epochs without a better validation loss (0: never). The mean of
    the net over the last `average` of `epochs` is kept where its validation loss is better than every epoch's (0: no mean)."""

    epochs: int
    patience: int
    learning_rate: float
    batch_size: int
    schedule: str = "constant"
    l1: float = 0.0
    average: int = 0


@dataclass(frozen=True)
class Task:
    """One fit that is to be done: `model` is trained in place and left at its best epoch (with restore="last" at its last),
    in evaluation mode.

    `generator` orders the samples. `after_step` runs after each optimiser step (masks), `before_epoch` before each epoch
    (temperature), `penalty` is added to the loss, `on_epoch` hears of each epoch's validation loss, `rates` gives some
    parameters a learning rate of their own.
    """

    model: nn.Module
    train: Quantised
    validation: Quantised
    plan: FitPlan
    generator: torch.Generator
    after_step: Callable[[], None] = lambda: None
    before_epoch: Callable[[int], None] = lambda epoch: None
    penalty: Callable[[], Tensor] | None = None
    on_epoch: Callable[[int, float], None] = lambda epoch, loss: None
    restore: str = "best"
    rates: dict[nn.Parameter, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """What a fit did. `best_epoch` counts from 0; losses are means over the part. `averaged`: the mean of the last epochs is kept, the
    loss is its."""

    epochs: int
    best_epoch: int
    validation_loss: float
    averaged: bool = False


class Diverged(RuntimeError):
    """The loss is not a number any more. `model` holds the last good checkpoint."""

    def __init__(self, message: str, model: nn.Module):
        super().__init__(message)
        self.model = model


def fit(task: Task) -> Fit:
    """Do one fit. Raises Diverged, with step and epoch, on a loss that is not finite."""
    outcome = fit_together([task])[0]
    if isinstance(outcome, Diverged):
        raise outcome
    return outcome


def fit_together(tasks: Sequence[Task]) -> list[Fit | Diverged]:
    """Do several fits as one (see learners.Stack; their plans are equal): what each gave. One that ends early leaves the
    others going."""
    plan, learner = tasks[0].plan, Alone(tasks[0]) if len(tasks) == 1 else Stack(tasks)
    optimiser = make_optimiser(learner.parameters, plan, tasks[0].rates)
    runs = going = [Progress(task) for task in tasks]
    steps = math.ceil(len(tasks[0].train[1]) / plan.batch_size)
    for epoch in range(plan.epochs):
        for step, chosen in enumerate(zip(*(run.start_epoch(epoch) for run in going))):
            set_learning_rate(optimiser, plan, (epoch * steps + step) / (plan.epochs * steps))
            losses = learner.losses(chosen)
            optimiser.zero_grad(set_to_none=True)
            losses.sum().backward()
            optimiser.step()
            for run, loss in zip(going, losses.tolist()):
                run.end_step(loss, epoch, step)
            if all(run.fault for run in going):
                break
        left = [i for i, run in enumerate(going) if run.end_epoch(epoch)]
        if not left:
            break
        if len(left) < len(going):
            learner.keep(left, optimiser)
            going = [going[i] for i in left]
    return [run.outcome() for run in runs]


class Progress:
    """How far one fit has come: its best state, and the fault that ended it."""

    def __init__(self, task: Task):
        self.task, self.fault = task, ""
        self.epochs, self.best_epoch, self.best_loss, self.best_state = 0, -1, math.inf, snapshot(task.model)
        self.mean: AveragedModel | None = None

    def start_epoch(self, epoch: int) -> tuple[Tensor, ...]:
        """The samples of each of the epoch's steps, in an order that only this task's generator knows."""
        self.task.before_epoch(epoch)
        self.task.model.train()
        return torch.randperm(len(self.task.train[1]), generator=self.task.generator).split(self.task.plan.batch_size)

    def end_step(self, loss: float, epoch: int, step: int) -> None:
        if not math.isfinite(loss) and not self.fault:
            self.fault = (f"the loss became {loss} in epoch {epoch}, step {step}; "
                          f"the checkpoint of epoch {self.best_epoch} is kept; try a lower learning_rate")
        self.task.after_step()

    def end_epoch(self, epoch: int) -> bool:
        """Take the epoch in; whether to go on."""
        if self.fault:
            return False
        loss, self.epochs = mean_loss(self.task.model, self.task.validation), epoch + 1
        self.task.on_epoch(epoch, loss)
        if loss < self.best_loss:
            self.best_epoch, self.best_loss, self.best_state = epoch, loss, snapshot(self.task.model)
        if self.task.restore == "best" and epoch >= self.task.plan.epochs - self.task.plan.average:
            self.mean = self.mean or AveragedModel(self.task.model)
            self.mean.update_parameters(self.task.model)
        return not (self.task.plan.patience and epoch - self.best_epoch >= self.task.plan.patience)

    def outcome(self) -> Fit | Diverged:
        """Restore what is to be kept, and say what the fit gave."""
        model = self.task.model
        averaged = not self.fault and self.mean is not None and self._mean_is_better()
        if self.fault or self.task.restore == "best" and not averaged:
            model.load_state_dict(self.best_state)
        model.eval()
        return Diverged(self.fault, model) if self.fault else Fit(self.epochs, self.best_epoch, self.best_loss, averaged)

    def _mean_is_better(self) -> bool:
        """Load the mean of the last epochs into the model, masked as after a step, and compare it with the best epoch."""
        self.task.model.load_state_dict(self.mean.module.state_dict())
        self.task.after_step()
        loss = mean_loss(self.task.model, self.task.validation)
        if better := loss < self.best_loss:
            self.best_loss = loss
        return better


def make_optimiser(parameters: list[Tensor], plan: FitPlan, rates: dict[nn.Parameter, float]) -> torch.optim.Optimizer:
    """Adam with one group for each learning rate."""
    groups: dict[float, list] = {plan.learning_rate: []}
    for parameter in parameters:
        groups.setdefault(rates.get(parameter, plan.learning_rate), []).append(parameter)
    return torch.optim.Adam([{"params": held, "lr": rate, "initial": rate} for rate, held in groups.items()], fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, plan: FitPlan, progress: float) -> None:
    """Constant, or falling from each group's own rate to nothing as half a cosine over `progress` 0..1."""
    if plan.schedule == "cosine":
        for group in optimiser.param_groups:
            group["lr"] = group["initial"] * 0.5 * (1 + math.cos(math.pi * progress))


def logits(model: nn.Module, x: Tensor) -> Tensor:
    """Logits [N, classes] of quantised inputs x, in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return model.forward_quantised(x)


def mean_loss(model: nn.Module, data: Quantised) -> float:
    return OBJECTIVES[model.task].loss(logits(model, data[0]), data[1]).item()


def accuracy(model: nn.Module, data: Quantised) -> float:
    """What the task counts: the share of right samples, or R²."""
    return OBJECTIVES[model.task].score(logits(model, data[0]), data[1]).value
