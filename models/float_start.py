"""The first weights of a network, from anyone's float model: found out how its features were scaled, and its ranges measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from models.configuration import TrainConfig
from models.float_chain import FloatModel
from models.float_model import read_float_model
from models.metrics.performance import Value
from models.network import QuantMLP
from models.objective import OBJECTIVES, outputs
from models.tensors import Part, Tensors

RANGE = 0.999
"""Share of the activations that the range of a quantiser holds at the start."""
RANGE_SAMPLES = 20_000


@dataclass(frozen=True, eq=False)
class Start:
    """Weight [MH, MW] and bias [MH] of each layer, for standardised features; how the model was understood, and what it scores
    on the validation part."""

    matrices: tuple[tuple[Tensor, Tensor], ...]
    features: str
    score: Value


def check_float_start(model: FloatModel, config: TrainConfig, tensors: Tensors) -> None:
    """ValueError, in one line, where the model is not of the table or not of the network."""
    inputs, *hidden, found = model.widths
    wanted = outputs(config.task, len(tensors.classes))
    if inputs != len(tensors.mean):
        raise ValueError(f"{model.source} takes {inputs} features, the table has {len(tensors.mean)}: leave columns out with --drop, or "
                         "name the table it was trained on")
    if found != wanted:
        hint = ": --task binary trains one output for two classes" if found == 1 and wanted == 2 else ""
        raise ValueError(f"{model.source} has {found} outputs, the task {config.task} on this table {wanted}{hint}")
    if tuple(hidden) != config.hidden:
        raise ValueError(f"{model.source} has hidden layers of {hidden}, not {list(config.hidden)}")


def understood(model: FloatModel, config: TrainConfig, tensors: Tensors) -> Start:
    """The way of scaling features and placing batch norms by which the model loses least on the validation part: a file of weights
    says neither."""
    check_float_start(model, config, tensors)
    norms = [model, model.with_norms_behind()] if any(layer.before for layer in model.layers[:-1]) else [model]
    found = [started(placed, name, scale, config, tensors) for placed, (name, scale) in product(norms, scalings(tensors).items())]
    return min(found, key=lambda pair: pair[0])[1]


def scalings(tensors: Tensors) -> dict[str, tuple[Tensor, Tensor]]:
    """How features may have been scaled for a float model: its input is factor * standardised + offset."""
    low, high = tensors.train.x.amin(0), tensors.train.x.amax(0)
    span = torch.where(high > low, high - low, torch.ones_like(high))
    return {
        "standardised": (torch.ones_like(tensors.std), torch.zeros_like(tensors.mean)),
        "raw": (tensors.std, tensors.mean),
        "scaled to 0..1": (tensors.std / span, (tensors.mean - low) / span),
    }


def started(model: FloatModel, name: str, scale: tuple[Tensor, Tensor], config: TrainConfig, tensors: Tensors) -> tuple[float, Start]:
    """(loss on the validation part, Start) of a model whose features are scaled like this."""
    factor, offset = (held.double().numpy() for held in scale)
    (weight, bias), *rest = model.matrices()
    merged = [(weight * factor, bias + weight @ offset), *rest]
    matrices = tuple((torch.tensor(w, dtype=torch.float32), torch.tensor(b, dtype=torch.float32)) for w, b in merged)
    part = tensors.validation
    answers = forward(matrices, (part.x - tensors.mean) / tensors.std)[-1]
    if tensors.target_mean is not None and math.isfinite(float(answers.abs().max())):
        answers, matrices = in_deviations(answers, matrices, part, tensors)
    objective = OBJECTIVES[config.task]
    loss = float(objective.loss(answers, part.y))
    return (loss if math.isfinite(loss) else math.inf), Start(matrices, name, objective.score(answers, part.y))


def in_deviations(answers: Tensor, matrices: tuple, part: Part, tensors: Tensors) -> tuple[Tensor, tuple]:
    """A model of numbers may answer in the table's units: then its last layer is scaled to ours, standard deviations."""
    scaled = (answers - tensors.target_mean) / tensors.target_std
    if float(((scaled - part.y) ** 2).mean()) >= float(((answers - part.y) ** 2).mean()):
        return answers, matrices
    weight, bias = matrices[-1]
    last = (weight / tensors.target_std[:, None], (bias - tensors.target_mean) / tensors.target_std)
    return scaled, (*matrices[:-1], last)


def forward(matrices, x: Tensor) -> list[Tensor]:
    """What each layer sums up, before its ReLU, for standardised x [N, F]."""
    sums = []
    for weight, bias in matrices:
        sums.append(x @ weight.T + bias)
        x = sums[-1].relu()
    return sums


@lru_cache(maxsize=4)
def _read(path: str, stamp: int) -> FloatModel:
    return read_float_model(path)


def float_start(config: TrainConfig, tensors: Tensors) -> tuple[FloatModel, Start]:
    from pathlib import Path

    path = Path(config.float_start)
    model = _read(config.float_start, path.stat().st_mtime_ns if path.is_file() else 0)
    return model, understood(model, config, tensors)


def start_from_float(network: QuantMLP, config: TrainConfig, tensors: Tensors) -> None:
    """Give `network` the float model's weights. Batch norms that it has not start as no change at all on the training part;
    quantisers start from the ranges that are seen there."""
    _, start = float_start(config, tensors)
    x = (tensors.train.x[:RANGE_SAMPLES] - tensors.mean) / tensors.std
    with torch.no_grad():
        for i, sums in enumerate(forward(start.matrices, x)):
            network.layers[i].weight.copy_(start.matrices[i][0])
            network.layers[i].bias.copy_(start.matrices[i][1])
            if i < len(network.norms):
                set_norm(network.norms[i], sums)
                set_range(network.activations[i], sums)


def set_norm(norm: nn.Module, sums: Tensor) -> None:
    """Make a batch norm leave `sums` [N, width] as they are."""
    if not isinstance(norm, nn.BatchNorm1d) or not norm.affine or norm.running_mean is None:
        return
    norm.running_mean.copy_(sums.mean(0))
    norm.running_var.copy_(sums.var(0))
    norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
    norm.bias.copy_(norm.running_mean)


def set_range(activation: nn.Module, sums: Tensor) -> None:
    if hasattr(activation, "log_scale"):
        greatest = float(np.quantile(sums.numpy(), RANGE))
        activation.log_scale.fill_(math.log2(max(greatest, 2.0**-8)))


def told(config: TrainConfig, tensors: Tensors) -> list[str]:
    """What was made of the float model, a line each."""
    model, start = float_start(config, tensors)
    widths, figure = "-".join(map(str, model.widths)), OBJECTIVES[config.task].figure
    line = f"{model.source}: {widths}, its features {start.features}: {figure} {start.score.value:.4f} ± {start.score.error:.4f} on validation"
    return [line, *(f"{model.source}: {note}" for note in model.notes)]
