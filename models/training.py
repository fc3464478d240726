"""One training from configuration to a deployable network, and what it scored on the way."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from models import qap
from models.biases import snap_biases
from models.configuration import TrainConfig
from models.dpp import add_masks, train_dpp
from models.drivers import alone
from models.fitting import accuracy, logits
from models.network import FLOAT_BITS, QuantMLP
from models.qap import Level, Prepared, Report, no_report
from models.tensors import Tensors
from models.widths.model import WidthModel
from models.widths.training import FrontNet, choose, right_share, train_front


@dataclass(frozen=True)
class Trained:
    """A finished training. `accuracy` maps a net (float, quantised, then each saliency or method) to its accuracies on the
    parts; `model` is the one named by `shipped`, deployable; `front` are those of a walk (method widths);
    `scores` are the answers [N, outputs] of each net to the test part."""

    model: QuantMLP | WidthModel
    shipped: str
    accuracy: dict[str, dict[str, float]]
    levels: dict[str, list[Level]]
    time_s: dict[str, float] = field(default_factory=dict)
    front: list[FrontNet] = field(default_factory=list)
    scores: dict[str, np.ndarray] = field(default_factory=dict)


def train(config: TrainConfig, tensors: Tensors, report: Report = no_report,
          keep: Callable[[FrontNet], None] = lambda net: None) -> Trained:
    """Train the float twin, the quantised dense net, and a pruned net for each saliency; keep the best on validation.

    `keep` gets each network of a walk as it is reached. Deterministic: one thread, every random choice from `config.seed`. Raises
    Diverged, or ValueError for a configuration that no network can have.
    """
    torch.set_num_threads(1)
    check(config, tensors)
    clock, twin = Clock(), float_net(config, tensors, report)
    scored, scores = {"float": accuracies(*twin)}, {"float": test_scores(*twin)}
    clock.lap("float")
    if config.method == "widths":
        return train_widths(config, tensors, scored, scores, clock, report, keep)
    dense, prepared, start, _ = alone(qap.train_dense(config, tensors, report))
    scored["quantised"], scores["quantised"] = accuracies(dense, prepared), test_scores(dense, prepared)
    clock.lap("quantised")
    candidates, levels = {}, {}
    for name in pruners(config):
        if name == "dpp":
            model, _, levels[name] = alone(train_dpp(config, tensors, report))
        else:
            model = copy.deepcopy(dense)
            levels[name] = alone(qap.prune(model, config, name, prepared, start, report))
        snap_biases(model)
        scored[name], scores[name], candidates[name] = accuracies(model, prepared), test_scores(model, prepared), model
        clock.lap(name)
    if not candidates:
        snap_biases(dense)
        candidates["quantised"], scored["quantised"] = dense, accuracies(dense, prepared)
        scores["quantised"] = test_scores(dense, prepared)
    shipped = max(candidates, key=lambda name: scored[name]["validation"])
    return Trained(candidates[shipped], shipped, scored, levels, clock.laps, scores=scores)


def train_widths(config: TrainConfig, tensors: Tensors, scored: dict, scores: dict, clock: Clock, report: Report,
                 keep: Callable[[FrontNet], None]) -> Trained:
    """The front of one walk, and the network of it that is kept: the only one that the test part sees."""
    front = []
    for net in train_front(config, tensors, report):
        keep(net)
        front.append(net)
    if not front:
        raise ValueError(f"method widths: nothing is left at the first rest; lower first_price ({config.first_price}) or take fewer rests "
                         f"({config.rests})")
    kept = choose(front, config.goal)
    scored["widths"] = {part: right_share(kept.model(getattr(tensors, part).x), getattr(tensors, part).y)
                        for part in ("train", "validation", "test")}
    with torch.no_grad():
        scores["widths"] = kept.model(tensors.test.x).numpy()
    clock.lap("widths")
    return Trained(kept.model, "widths", scored, {}, clock.laps, front, scores)


def check(config: TrainConfig, tensors: Tensors) -> None:
    """ValueError, before anything is trained, for masks that cannot be or a start that is another network's."""
    model = qap.build(config, tensors)
    if config.method == "dpp":
        add_masks(model, config)


def pruners(config: TrainConfig) -> tuple[str, ...]:
    """The names of the pruned nets that `config` asks for."""
    return {"none": (), "qap": config.saliency, "dpp": ("dpp",)}[config.method]


def float_twin(config: TrainConfig) -> TrainConfig:
    """The float network of the same shape, trained in the same way, with nothing pruned and nothing penalised."""
    bits = dict.fromkeys(("weight_bits", "activation_bits", "input_bits"), FLOAT_BITS)
    return config.with_fields(**bits, method="none", l1=0.0, start=None)


def float_net(config: TrainConfig, tensors: Tensors, report: Report) -> tuple[QuantMLP, Prepared]:
    """The float twin, trained here, and its data; a float model that the training starts from as it is."""
    twin = float_twin(config)
    if config.float_start:
        model = qap.build(twin, tensors)
        return model, qap.prepare(model, tensors)
    model, prepared, _, _ = alone(qap.train_dense(twin, tensors, lambda s, e, v: report(f"float {s}", e, v)))
    return model, prepared


def float_accuracies(config: TrainConfig, tensors: Tensors, report: Report) -> dict[str, float]:
    return accuracies(*float_net(config, tensors, report))


def accuracies(model: QuantMLP, prepared: Prepared) -> dict[str, float]:
    return {part: accuracy(model, getattr(prepared, part)) for part in ("train", "validation", "test")}


def test_scores(model: QuantMLP, prepared: Prepared) -> np.ndarray:
    """Its answers to the test part, float32 [N, outputs]."""
    return logits(model, prepared.test[0]).numpy()


class Clock:
    """Seconds between laps, by name."""

    def __init__(self):
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 1)
        self._last = now
