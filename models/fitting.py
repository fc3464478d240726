"""One fit: Adam on data that lies in memory, early stopping on the validation loss, the best state restored."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.pruning.masks import snapshot


@dataclass(frozen=True)
class FitPlan:
    """How long and how fast: at most `epochs`, ended after `patience` epochs without a better validation loss (0: never)."""

    epochs: int
    patience: int
    learning_rate: float
    batch_size: int
    schedule: str = "constant"
    l1: float = 0.0


@dataclass(frozen=True)
class Fit:
    """What a fit did. `best_epoch` counts from 0; losses are means over the part."""

    epochs: int
    best_epoch: int
    validation_loss: float


class Diverged(RuntimeError):
    """The loss is not a number any more. `model` holds the last good checkpoint."""

    def __init__(self, message: str, model: nn.Module):
        super().__init__(message)
        self.model = model


Quantised = tuple[Tensor, Tensor]  # quantised inputs [N, F] and labels [N]


def fit(
    model: nn.Module,
    train: Quantised,
    validation: Quantised,
    plan: FitPlan,
    generator: torch.Generator,
    after_step: Callable[[], None] = lambda: None,
    before_epoch: Callable[[int], None] = lambda epoch: None,
    penalty: Callable[[], Tensor] | None = None,
    on_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
    restore: str = "best",
    rates: dict[nn.Parameter, float] | None = None,
) -> Fit:
    """Train `model` in place and leave it at its best epoch (or with restore="last" at its last), in evaluation mode.

    `after_step` runs after each optimiser step (masks), `before_epoch` before each epoch (temperature), `penalty` is added
    to the loss, `on_epoch` hears of each epoch's validation loss, `rates` gives some parameters a learning rate of their own.
    Raises Diverged, with step and epoch, on a loss that is
    not finite.
    """
    optimiser = make_optimiser(model, plan, rates or {})
    x, y = train
    steps = math.ceil(len(y) / plan.batch_size)
    best_loss, best_epoch, best_state = math.inf, -1, snapshot(model)
    for epoch in range(plan.epochs):
        before_epoch(epoch)
        model.train()
        order = torch.randperm(len(y), generator=generator)
        for step, chosen in enumerate(order.split(plan.batch_size)):
            set_learning_rate(optimiser, plan, (epoch * steps + step) / (plan.epochs * steps))
            loss = F.cross_entropy(model.forward_quantised(x[chosen]), y[chosen])
            if plan.l1:
                loss = loss + plan.l1 * sum(weight.abs().sum() for weight in model.weights)
            if penalty is not None:
                loss = loss + penalty()
            if not math.isfinite(loss.item()):
                model.load_state_dict(best_state)
                model.eval()
                raise Diverged(f"the loss became {loss.item()} in epoch {epoch}, step {step}; "
                               f"the checkpoint of epoch {best_epoch} is kept; try a lower learning_rate", model)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            after_step()
        validation_loss = mean_loss(model, validation)
        on_epoch(epoch, validation_loss)
        if validation_loss < best_loss:
            best_loss, best_epoch, best_state = validation_loss, epoch, snapshot(model)
        if plan.patience and epoch - best_epoch >= plan.patience:
            break
    if restore == "best":
        model.load_state_dict(best_state)
    model.eval()
    return Fit(epoch + 1, best_epoch, best_loss)


def make_optimiser(model: nn.Module, plan: FitPlan, rates: dict[nn.Parameter, float]) -> torch.optim.Optimizer:
    """Adam with one group for each learning rate."""
    groups: dict[float, list] = {plan.learning_rate: []}
    for parameter in model.parameters():
        if parameter.requires_grad:
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
    return F.cross_entropy(logits(model, data[0]), data[1]).item()


def accuracy(model: nn.Module, data: Quantised) -> float:
    """Share of samples whose greatest logit (the first of equal ones) is the label's."""
    return (logits(model, data[0]).argmax(1) == data[1]).double().mean().item()
