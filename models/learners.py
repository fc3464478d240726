"""What computes the losses of a training step: one net alone, or several nets of one shape stacked into one.

At this size a step's time goes into the number of tensor operations more than into their work; a stack of S nets does S steps
with the operations of one (docs/results.md has the measurement).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from models.fake_quant import QuantiseReLU, QuantiseWeight
from models.network import is_quantised
from models.objective import OBJECTIVES
from models.pruning.digits import digits_kept


class Alone:
    """The losses [1] of one task's model."""

    def __init__(self, task):
        self.task = task
        self.parameters = [parameter for parameter in task.model.parameters() if parameter.requires_grad]

    def losses(self, chosen: Sequence[Tensor]) -> Tensor:
        """Loss of each net on its `chosen` training samples, penalties included."""
        task, (x, y) = self.task, self.task.train
        loss = OBJECTIVES[task.model.task].loss(task.model.forward_quantised(x[chosen[0]]), y[chosen[0]])
        if task.plan.l1:
            loss = loss + task.plan.l1 * sum(weight.abs().sum() for weight in task.model.weights)
        if task.penalty is not None:
            loss = loss + task.penalty()
        return loss[None]


class Stack:
    """The losses [S] of S tasks whose nets have one shape: parameters are stacked as [S, ...], and each net's own parameters
    are slices of the stacks, so that masks, checkpoints and evaluation go on working on the nets.

    The nets do not touch each other: the gradient of their summed losses is each one's own, and Adam works element by element.
    ValueError where the tasks cannot be one.
    """

    def __init__(self, tasks: Sequence):
        self.tasks = list(tasks)
        if any(stack_key(task) != stack_key(tasks[0]) for task in tasks):
            raise ValueError("fits that are stacked need one plan, one shape of network, one number of samples, and no penalty")
        self._stacks = {name: torch.stack(held).requires_grad_() for name, held in self._slices("parameters").items()}
        self._buffers = {name: torch.stack(held) for name, held in self._slices("buffers").items() if name.startswith("norms.")}
        self._share()

    @property
    def parameters(self) -> list[Tensor]:
        return list(self._stacks.values())

    def losses(self, chosen: Sequence[Tensor]) -> Tensor:
        """Loss of each net on its own `chosen` training samples."""
        x = torch.stack([task.train[0][order] for task, order in zip(self.tasks, chosen)])
        y = torch.stack([task.train[1][order] for task, order in zip(self.tasks, chosen)])
        weights, l1 = self._weights(), self.tasks[0].plan.l1
        losses = OBJECTIVES[self.tasks[0].model.task].losses(self._forward(weights, x.transpose(1, 2)), y)
        return losses + l1 * sum(weight.abs().sum((1, 2)) for weight in weights) if l1 else losses

    def keep(self, indices: list[int], optimiser: torch.optim.Optimizer) -> None:
        """Go on with the nets at `indices` alone; `optimiser` keeps their moments."""
        self.tasks = [self.tasks[i] for i in indices]
        for name, stack in self._stacks.items():
            kept = stack.detach()[indices].requires_grad_()
            for group in optimiser.param_groups:
                group["params"] = [kept if held is stack else held for held in group["params"]]
            state = optimiser.state.pop(stack, {})
            optimiser.state[kept] = {key: value[indices] if value.dim() else value for key, value in state.items()}
            self._stacks[name] = kept
        self._buffers = {name: stack[indices] for name, stack in self._buffers.items()}
        self._share()

    def _slices(self, kind: str) -> dict[str, list[Tensor]]:
        """Name -> that parameter (buffer) of each net."""
        named = [dict(getattr(task.model, f"named_{kind}")()) for task in self.tasks]
        return {name: [held[name].detach() for held in named] for name in named[0]}

    def _share(self) -> None:
        """Make each net's parameters and running statistics slices of the stacks."""
        for name, stack in {**self._stacks, **self._buffers}.items():
            for task, piece in zip(self.tasks, stack.detach()):
                owner, _, leaf = name.rpartition(".")
                getattr(task.model.get_submodule(owner), leaf).data = piece

    def _weights(self) -> list[Tensor]:
        """[S, MH, MW] of each layer, with as many digits as they may have."""
        return [self._digits_kept(i) if parametrize.is_parametrized(layer) else self._stacks[f"layers.{i}.weight"]
                for i, layer in enumerate(self.tasks[0].model.layers)]

    def _digits_kept(self, i: int) -> Tensor:
        limits = [task.model.layers[i].parametrizations.weight[0] for task in self.tasks]
        counts = torch.stack([limit.counts for limit in limits])
        return digits_kept(self._stacks[f"layers.{i}.parametrizations.weight.original"], counts, limits[0].bits, limits[0].exactly)

    def _forward(self, weights: list[Tensor], x: Tensor) -> Tensor:
        """Quantised inputs [S, F, N] -> logits [S, classes, N]: models.network.QuantMLP.forward_quantised of every net."""
        model = self.tasks[0].model
        for i, (layer, weight) in enumerate(zip(model.layers, weights)):
            if is_quantised(layer):
                weight = QuantiseWeight.apply(weight, layer.bits)
            x = torch.baddbmm(self._stacks[f"layers.{i}.bias"][..., None], weight, x)
            if i < len(model.activations):
                x = self._activation(i, self._norm(i, x))
        return x

    def _norm(self, i: int, x: Tensor) -> Tensor:
        norm, (nets, width, samples) = self.tasks[0].model.norms[i], x.shape
        if isinstance(norm, nn.Identity):
            return x
        mean, variance, weight, bias = (
            None if held is None else held.view(-1) for held in
            [self._buffers.get(f"norms.{i}.running_{kind}") for kind in ("mean", "var")] +
            [self._stacks.get(f"norms.{i}.{kind}") for kind in ("weight", "bias")])
        if mean is not None:
            self._buffers[f"norms.{i}.num_batches_tracked"] += 1
        flat = x.reshape(1, nets * width, samples)
        return F.batch_norm(flat, mean, variance, weight, bias, True, norm.momentum, norm.eps).view_as(x)

    def _activation(self, i: int, x: Tensor) -> Tensor:
        activation = self.tasks[0].model.activations[i]
        if isinstance(activation, nn.ReLU):
            return F.relu(x)
        name = next(name for name in self._stacks if name.startswith(f"activations.{i}."))
        return QuantiseReLU.apply(x, self._stacks[name], activation.bits)


def stack_key(task) -> tuple:
    """Tasks of equal keys can be stacked: one plan, one shape of network, one number of samples, no penalty, no own rates."""
    if task.penalty is not None or task.rates:
        return (id(task),)
    shapes = tuple((name, type(module).__name__, getattr(module, "bits", None), getattr(module, "exactly", None))
                   for name, module in task.model.named_modules())
    return task.plan, len(task.train[1]), shapes, tuple(parameter.shape for parameter in task.model.parameters())
