"""The trainings of a study: every net on their way is measured, and becomes a row."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache

import torch

from models import qap
from models.configuration import TrainConfig
from models.data import load_dataset
from models.dpp import train_dpp
from models.drivers import Training, together
from models.fitting import Diverged
from models.study.description import Run
from models.study.evaluate import evaluate
from models.tensors import Tensors, to_tensors
from models.training import pruners


@lru_cache(maxsize=2)
def dataset(name: str, label: str | None):
    """The data set, read once a process."""
    return load_dataset(name, label)


def train_batch(runs: Sequence[Run]) -> list[dict]:
    """Train all of `runs` as one where they can be. For each {"arm", "config", "rows": one measured net each, "masks": one DPP
    epoch each, "time_s": its share of the time}.
    """
    torch.set_num_threads(1)
    started = time.monotonic()
    results = together([training(run.config) for run in runs])
    share = round((time.monotonic() - started) / len(runs), 2)
    return [{"arm": run.arm, "config": asdict(run.config), "rows": rows, "masks": masks, "time_s": share}
            for run, (rows, masks) in zip(runs, results)]


def training(config: TrainConfig) -> Training:
    """A training that returns its rows and its masks. One that diverges has a row that says so after those that it had
    reached: a study does not stop for it."""
    rows, masks = [], []
    try:
        yield from train_and_measure(config, to_tensors(dataset(config.dataset, config.label), config), rows, masks)
    except Diverged as fault:
        rows.append({"net": "diverged", "fault": str(fault)})
    return rows, masks


def train_and_measure(config: TrainConfig, tensors: Tensors, rows: list[dict], masks: list[dict]) -> Training:
    """Fill `rows` and `masks` as the training goes."""
    if config.method == "dpp":
        model, prepared, levels = yield from train_dpp(config, tensors, on_masks=lambda entry: masks.append(asdict(entry)))
        rows.append(evaluate(model, config, prepared, levels[-1], "dpp", tensors.classes))
        return
    model, prepared, start, dense = yield from qap.train_dense(config, tensors)
    rows.append(evaluate(model, config, prepared, dense, "dense", tensors.classes))
    dense_state = qap.snapshot(model)
    for saliency in pruners(config):
        model.load_state_dict(dense_state)
        yield from qap.prune(
            model, config, saliency, prepared, start,
            on_level=lambda level: rows.append(evaluate(model, config, prepared, level, saliency, tensors.classes)))
