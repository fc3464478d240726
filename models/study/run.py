"""The trainings of a study: every net on their way is measured, and becomes a row."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import torch

from models import qap
from models.biases import snap_biases
from models.configuration import TrainConfig
from models.data import load_dataset
from models.dpp import train_dpp
from models.drivers import Training, together
from models.export import export
from models.fitting import Diverged
from models.network import FLOAT_BITS, QuantMLP
from models.qap import Level, Prepared
from models.study.description import Run
from models.study.evaluate import evaluate
from models.tensors import Tensors, to_tensors
from models.training import pruners


def dataset(config: TrainConfig):
    """The data set of a training, read once a process."""
    return read_once(config.dataset, config.label, config.drop, config.task)


CHECKED = 20


@lru_cache(maxsize=2)
def read_once(name: str, label: str | None, drop: tuple[str, ...], task: str):
    return load_dataset(name, label, drop, task)


def train_batch(runs: Sequence[Run]) -> list[dict]:
    """Train all of `runs` as one where they can be. For each {"arm", "config", "rows": one measured net each, "masks": one DPP
    epoch each, "time_s": its share of the time}.
    """
    torch.set_num_threads(1)
    started = time.monotonic()
    results = together([training(run) for run in runs])
    share = round((time.monotonic() - started) / len(runs), 2)
    return [{"arm": run.arm, "config": asdict(run.config), "rows": rows, "masks": masks, "time_s": share, "models": bool(run.models)}
            for run, (rows, masks) in zip(runs, results)]


def training(run: Run) -> Training:
    """A training that returns its rows and its masks. One that diverges has a row that says so after those that it had
    reached: a study does not stop for it."""
    rows, masks, config = [], [], run.config
    try:
        yield from train_and_measure(run, to_tensors(dataset(config), config), rows, masks)
    except Diverged as fault:
        rows.append({"net": "diverged", "fault": str(fault)})
    return rows, masks


def train_and_measure(run: Run, tensors: Tensors, rows: list[dict], masks: list[dict]) -> Training:
    """Fill `rows` and `masks` as the training goes."""
    config = run.config

    def measure(model: QuantMLP, prepared: Prepared, level: Level, net: str) -> None:
        row = evaluate(model, config, prepared, level, net, tensors.classes)
        rows.append(row | kept_model(model, run, f"{run.id}-{len(rows)}", tensors))

    if config.method == "dpp":
        model, prepared, levels = yield from train_dpp(config, tensors, on_masks=lambda entry: masks.append(asdict(entry)))
        measure(model, prepared, levels[-1], "dpp")
        return
    model, prepared, start, dense = yield from qap.train_dense(config, tensors)
    measure(model, prepared, dense, "dense")
    dense_state = qap.snapshot(model)
    for saliency in pruners(config):
        model.load_state_dict(dense_state)
        yield from qap.prune(model, config, saliency, prepared, start,
                             on_level=lambda level: measure(model, prepared, level, saliency))


def kept_model(model: QuantMLP, run: Run, name: str, tensors: Tensors) -> dict:
    """{"model": its file} of a net that can be built and is wanted."""
    floats = [run.config.input_bits, *run.config.by_layer("weight_bits"), *run.config.by_layer("activation_bits", len(run.config.hidden))]
    if run.models is None or FLOAT_BITS in floats:
        return {}
    built = copy.deepcopy(model)
    snap_biases(built)
    export(built, Path(run.models) / f"{name}.onnx", tensors.test.x[:CHECKED])
    return {"model": f"models/{name}.onnx"}
