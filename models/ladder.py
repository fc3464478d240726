"""A ladder of networks, from large to small: cut a little, fit a little, and keep every rung as a file that can be built.

Rungs depend on the training and the data alone, so that another budget, or the same one after an interruption, finds those that are
there. A rung's `remaining` is the share of the weights (or digits) left; its accuracy is that of the exported net on the validation part.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from models import checkpoint, qap
from models.biases import snap_biases
from models.configuration import TrainConfig
from models.drivers import alone
from models.export import export
from models.fitting import Task, fit, logits
from models.network import QuantMLP
from models.objective import OBJECTIVES
from models.pruning.digits import slots
from models.pruning.masks import Masks
from models.record import write_json
from models.tensors import Tensors

SHARES = (0.5, 0.3, 0.2, 0.14, 0.1, 0.075, 0.058, 0.046, 0.038, 0.031, 0.026, 0.022)
FALL = 0.84
"""Below the last of SHARES each rung keeps so much of the one before."""
FEWEST = 3
"""Weights a layer, on the lowest rung."""
CHECKED = 20
VERSION = 1


@dataclass(frozen=True)
class Rung:
    """One network: `arm` is the way it was made, `folder` holds <key>.onnx and <key>.pt. kept: living weights by layer; nonzeros:
    of the quantised weights; accuracy: with its standard error, what the task counts."""

    arm: str
    key: str
    folder: str
    remaining: float
    kept: tuple[int, ...]
    nonzeros: int
    weights: int
    accuracy: float
    error: float

    @property
    def onnx(self) -> Path:
        return Path(self.folder) / f"{self.key}.onnx"

    @property
    def state(self) -> Path:
        return Path(self.folder) / f"{self.key}.pt"


def shares(weights: int, layers: int) -> Iterator[float]:
    """Of the weights (or digits) left, rung by rung."""
    yield from (share for share in SHARES if share * weights >= FEWEST * layers)
    share = SHARES[-1] * FALL
    while share * weights >= FEWEST * layers:
        yield round(share, 5)
        share *= FALL


def ladder_folder(root: Path, arm: str, config: TrainConfig, data_sha256: str) -> Path:
    """Where the rungs of a training lie: another training, or other data, has another folder."""
    key = hashlib.sha256(json.dumps([VERSION, config.sha256, data_sha256]).encode()).hexdigest()[:10]
    return root / f"{arm.replace(' ', '_')}-{key}"


class Ladder:
    """The rungs of one training in `folder`. ValueError and Diverged as the training's."""

    def __init__(self, arm: str, config: TrainConfig, tensors: Tensors, folder: Path):
        self.arm, self.config, self.tensors, self.folder = arm, config, tensors, folder
        folder.mkdir(parents=True, exist_ok=True)

    def rungs(self) -> Iterator[Rung]:
        """From large to small; those that are there are read."""
        model, masks, above = None, None, "dense"
        for number, share in enumerate(shares(self.candidates, self.config.layers)):
            key = f"{share:.5f}"
            rung = self.read(key)
            if rung is None:
                if model is None:
                    model, masks = self.load(above)
                rung = self.cut(model, masks, share, key, number)
            else:
                model = None
            above = key
            yield rung

    @property
    def total(self) -> int:
        """Weights."""
        return sum(self.sizes)

    @property
    def candidates(self) -> int:
        """What can be pruned: the weights, or the digits that they can have."""
        if self.config.granularity != "digits":
            return self.total
        return sum(size * slots(bits) for size, bits in zip(self.sizes, self.config.by_layer("weight_bits")))

    @property
    def sizes(self) -> list[int]:
        widths = (len(self.tensors.mean), *self.config.hidden, qap.outputs_of(self.config, self.tensors))
        return [a * b for a, b in zip(widths, widths[1:])]

    def polish(self, above: str, share: float, epochs: int, seed: int) -> Rung:
        """A rung of its own: from the one called `above`, cut to `share` and fitted for long, the samples in an order of `seed`."""
        key = f"{share:.5f}-{epochs}-{seed}"
        rung = self.read(key)
        if rung is None:
            model, masks = self.load(above)
            rung = self.cut(model, masks, share, key, 5000 + seed, epochs)
        return rung

    def cut(self, model: QuantMLP, masks: Masks, share: float, key: str, number: int, epochs: int | None = None) -> Rung:
        """Prune `model` in place to `share`, fit it, and write the rung."""
        config, prepared = self.config, self.prepared(model)
        scores = qap.scores(model, masks, config.saliency[0], prepared, config, number)
        masks.prune(scores, min(round(share * masks.total), sum(masks.counts)), config.by_layer("floor"))
        plan = qap.fit_plan(config, epochs, average=config.average if epochs else 0)
        with masks.held() as hold:
            fit(Task(model, prepared.train, prepared.validation, plan, qap.shuffler(config, 2 + number), after_step=hold))
        masks.check()
        return self.write(model, masks, share, key)

    def write(self, model: QuantMLP, masks: Masks, share: float, key: str) -> Rung:
        built = copy.deepcopy(model)
        snap_biases(built)
        prepared = self.prepared(model)
        score = OBJECTIVES[self.config.task].score(logits(built, prepared.validation[0]), prepared.validation[1])
        nonzeros = sum(int(weight.count_nonzero()) for weight in built.quantised_weights())
        rung = Rung(self.arm, key, str(self.folder), share, tuple(masks.living), nonzeros, self.total, score.value, score.error)
        export(built, rung.onnx, self.tensors.test.x[:CHECKED])
        torch.save([alive for alive in masks.alive], self.folder / f"{key}.masks.pt")
        checkpoint.save(model, rung.state)
        write_json(self.folder / f"{key}.json", asdict(rung))
        return rung

    def read(self, key: str) -> Rung | None:
        path = self.folder / f"{key}.json"
        if not path.is_file():
            return None
        content = json.loads(path.read_text()) | {"folder": str(self.folder)}
        return Rung(**content | {"kept": tuple(content["kept"])})

    def load(self, key: str) -> tuple[QuantMLP, Masks]:
        """The model and masks of a rung, or of the net before any cut, which is trained if it is not there."""
        if key == "dense":
            model = self.dense()
            return model, qap.masks_of(model, self.config)
        model = self.empty()
        checkpoint.load(model, self.folder / f"{key}.pt")
        masks = qap.masks_of(model, self.config)
        masks.alive = torch.load(self.folder / f"{key}.masks.pt", weights_only=True)
        return model, masks

    def dense(self) -> QuantMLP:
        path = self.folder / "dense.pt"
        if path.is_file():
            model = self.empty()
            checkpoint.load(model, path)
            return model
        model, _, _, _ = alone(qap.train_dense(self.config, self.tensors))
        checkpoint.save(model, path)
        return model

    def empty(self) -> QuantMLP:
        """The network as it is pruned: batch norms merged, if they are to be."""
        model = qap.build(self.config, self.tensors)
        if self.config.batch_norm == "folded":
            model.fold_batch_norm()
        return model

    def prepared(self, model: QuantMLP) -> qap.Prepared:
        if not hasattr(self, "_prepared"):
            self._prepared = qap.prepare(model, self.tensors)
        return self._prepared
