"""All metrics of one trained net: a row of a study's table."""

from __future__ import annotations

import numpy as np
import torch

from models.configuration import TrainConfig
from models.fitting import logits
from models.metrics import bops, hardware, information, performance
from models.network import QuantMLP, is_quantised
from models.objective import OBJECTIVES
from models.qap import Level, Prepared


def evaluate(model: QuantMLP, config: TrainConfig, prepared: Prepared, level: Level, net: str, classes: tuple[str, ...]) -> dict:
    """Measure `model` on the test part (validation loss and accuracy apart). Errors are one standard error of the sample."""
    x, y = prepared.test
    scores, labels = logits(model, x).numpy(), y.numpy()
    row = {
        "net": net,
        "remaining": level.remaining,
        "epochs": level.fit.epochs,
        "validation_loss": level.fit.validation_loss,
        "validation_accuracy": level.validation_accuracy,
    }
    add(row, "accuracy", OBJECTIVES[config.task].score(torch.from_numpy(scores), y))
    for signal, name in enumerate(classes if config.task == "classes" else ()):
        add(row, f"auc_{name}", performance.auc(scores, labels, signal))
        add(row, f"background_{name}", performance.background_efficiency(scores, labels, signal))
    if config.task == "classes":
        add(row, "auc", performance.mean_auc(scores, labels))
    row |= cost(model, config, level)
    efficiency = information.neural_efficiency(hidden_activations(model, x))
    return row | {"neural_efficiency": efficiency, "aiq": information.aiq(row["accuracy"], efficiency)}


def add(row: dict, name: str, value: performance.Value) -> None:
    row[name], row[f"{name}_error"] = value.value, value.error


def cost(model: QuantMLP, config: TrainConfig, level: Level) -> dict:
    """Nonzeros, BOPs (input width as quantised), and for quantised nets signed digits and adders."""
    weights = [w.numpy() for w in model.quantised_weights()]
    widths = [weights[0].shape[1], *(w.shape[0] for w in weights)]
    pruned = [1 - kept / w.size for kept, w in zip(level.kept, weights)]
    inputs = [config.input_bits, *config.by_layer("activation_bits", len(config.hidden))]
    row = {
        "hidden": "-".join(map(str, config.hidden)),
        "weights": sum(w.size for w in weights),
        "kept": sum(level.kept),
        "nonzeros": hardware.nonzeros(weights),
        "bops": bops.network_bops(widths, pruned, inputs, config.by_layer("weight_bits")),
    }
    for i, kept in enumerate(level.kept):
        row[f"kept_{i}"] = kept
    if all(map(is_quantised, model.layers)):
        integers = integer_weights(model)
        row |= {"digits": hardware.digits(integers), "adders": hardware.adders(integers)}
    return row


def integer_weights(model: QuantMLP) -> list[np.ndarray]:
    """int64 [MH, MW] of each layer."""
    with torch.no_grad():
        quantised = [layer.quant_weight() for layer in model.layers]
        return [torch.round(q.value / q.scale).to(torch.int64).numpy() for q in quantised]


def hidden_activations(model: QuantMLP, x: torch.Tensor) -> list[np.ndarray]:
    """float32 [N, neurons] after each hidden activation, for quantised inputs x."""
    seen, hooks = [], []
    for activation in model.activations:
        hooks.append(activation.register_forward_hook(lambda module, args, output: seen.append(output.detach().numpy())))
    try:
        logits(model, x)
    finally:
        for hook in hooks:
            hook.remove()
    return seen
