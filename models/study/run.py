"""One training of a study: every net on its way is measured, and becomes a row."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import lru_cache

import torch

from models import qap
from models.configuration import TrainConfig
from models.data import load_dataset
from models.dpp import train_dpp
from models.fitting import Diverged
from models.study.evaluate import evaluate
from models.tensors import to_tensors
from models.training import pruners


@lru_cache(maxsize=2)
def dataset(name: str, label: str | None):
    """The data set, read once a process."""
    return load_dataset(name, label)


def run(arm: str, config: TrainConfig) -> dict:
    """Train as `config` says. {"arm", "config", "rows": one measured net each, "masks": one DPP epoch each, "time_s"}.

    A training that diverges gives a row with what it had reached and `diverged` true: a study does not stop for it.
    """
    torch.set_num_threads(1)
    started, data = time.monotonic(), dataset(config.dataset, config.label)
    rows, masks = [], []
    try:
        train_and_measure(config, to_tensors(data, config), rows, masks)
    except Diverged as fault:
        rows.append({"net": "diverged", "fault": str(fault)})
    return {"arm": arm, "config": asdict(config), "rows": rows, "masks": masks, "time_s": round(time.monotonic() - started, 2)}


def train_and_measure(config: TrainConfig, tensors, rows: list[dict], masks: list[dict]) -> None:
    """Fill `rows` and `masks` as the training goes."""
    if config.method == "dpp":
        model, prepared, levels = train_dpp(config, tensors, on_masks=lambda entry: masks.append(asdict(entry)))
        rows.append(evaluate(model, config, prepared, levels[-1], "dpp", tensors.classes))
        return
    model, prepared, start, dense = qap.train_dense(config, tensors)
    rows.append(evaluate(model, config, prepared, dense, "dense", tensors.classes))
    dense_state = qap.snapshot(model)
    for saliency in pruners(config):
        model.load_state_dict(dense_state)
        qap.prune(model, config, saliency, prepared, start,
                  on_level=lambda level: rows.append(evaluate(model, config, prepared, level, saliency, tensors.classes)))
