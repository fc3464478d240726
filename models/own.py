"""A network of one's own: the recipe that it is trained by, and where it lives."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from pathlib import Path

import yaml

from models.catalogue import names, own_models
from models.configuration import TrainConfig
from models.record import replace_file

STEPS = 700
"""Optimiser steps after each cut: 10 epochs of the shipped jets."""
RECIPE = {
    "weight_bits": 6, "activation_bits": 5, "input_bits": 8, "batch_norm": "folded", "learning_rate": 2e-2, "schedule": "cosine",
    "batch_size": 512, "l1": 1e-4, "patience": 0, "saliency": ["fisher"],
    "remaining": [0.5, 0.3, 0.2, 0.14, 0.1, 0.075, 0.058],
}
"""What docs/results.md found: a high rate, gentle cuts by Fisher's measure."""
DENSE, FINAL = 3, 4
"""Epochs before the first cut and after the last, as multiples of those after each other cut."""


def own_config(rows: int, **fields) -> TrainConfig:
    """The recipe for a training part of `rows`, so that a cut takes as many steps whatever the table, with some fields changed."""
    recipe = RECIPE | {"batch_size": max(32, min(512, rows // 20))}
    epochs = max(2, round(STEPS / max(1, rows // recipe["batch_size"])))
    epochs = min(epochs, 40)
    return TrainConfig().with_fields(**recipe | {"epochs": epochs, "dense_epochs": DENSE * epochs, "final_epochs": FINAL * epochs} | fields)


def own_folder(name: str | None, data: str, output: Path | None) -> Path:
    """`output`, or models/<name>, the name being the table's where none is given. ValueError where something else lives there."""
    if output is not None:
        return output
    name = name or re.sub(r"\W+", "_", Path(data).stem).strip("_")
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ValueError(f"'{name}' is no name of a network: letters, digits and _; or name a folder with --output")
    folder = own_models() / name
    if folder.exists() and name not in names() and any(folder.iterdir()) and not (folder / "rungs").is_dir():
        raise ValueError(f"models/{name} is something else: give the network another name, or a folder with --output")
    return folder


def told_ids(dataset) -> list[str]:
    """A line for each feature of a Dataset that looks like an id."""
    return [f"column '{name}' has another whole number in every row: if it is an id, leave it out with --drop {shlex.quote(name)}"
            for name in dataset.ids]


def write_training(config: TrainConfig, folder: Path) -> Path:
    """`folder`/train.yaml, from which `train` makes the same network again."""
    default, values = asdict(TrainConfig()), asdict(config)
    changed = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items() if value != default[key]}
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"dataset": config.dataset} | changed, sort_keys=False, default_flow_style=None, width=120)
    replace_file(folder / "train.yaml", text)
    return folder / "train.yaml"
