"""record.json: how a committed network was made and what it scores."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import tempfile
from pathlib import Path

from models.configuration import TrainConfig
from models.training import Trained

PACKAGES = ("torch", "brevitas", "qonnx", "onnx", "numpy")


def record(name: str, command: str, config: TrainConfig, dataset, trained: Trained) -> dict:
    """Everything that reproduces the network, and its scores. Accuracies are shares; counts are of integer weights."""
    return network_record(name, command, config, dataset, trained.model) | {
        "shipped": trained.shipped,
        "accuracy": rounded(trained.accuracy),
        "levels": {name: [{"remaining": round(level.remaining, 4), "kept": list(level.kept), "epochs": level.fit.epochs,
                           "validation": round(level.validation_accuracy, 5)} for level in levels]
                   for name, levels in trained.levels.items()},
        **({"front": [{"area": round(net.area), "kept": list(net.kept), "validation": round(net.validation, 5),
                       "validation_loss": round(net.loss, 5)} for net in trained.front]} if trained.front else {}),
        "time_s": {**trained.time_s, "total": round(sum(trained.time_s.values()), 1)},
    }


def network_record(name: str, command: str, config: TrainConfig, dataset, model) -> dict:
    """Where a network comes from, and its weights."""
    nonzeros = [int(weights.count_nonzero()) for weights in model.quantised_weights()]
    total = sum(weight.numel() for weight in model.weights)
    return {
        "name": name,
        "command": command,
        "seed": config.seed,
        "train_sha256": config.sha256,
        "dataset": {"name": dataset.name, "sha256": dataset.sha256,
                    "jets": {part: len(getattr(dataset, part).y) for part in ("train", "validation", "test")}},
        "versions": {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}},
        "task": config.task,
        "classes": list(dataset.classes),
        "weights": total,
        "nonzero_weights": sum(nonzeros),
        "nonzero_weights_by_layer": nonzeros,
        "zeros": round(1 - sum(nonzeros) / total, 4),
    }


def rounded(accuracy: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {net: {part: round(value, 5) for part, value in parts.items()} for net, parts in accuracy.items()}


def write_json(path: Path, content: dict) -> None:
    """Replace `path` by `content`, or leave it as it was."""
    replace_file(path, json.dumps(content, indent=2) + "\n")


def replace_file(path: Path, text: str) -> None:
    """Replace `path` by `text`, or leave it as it was."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
