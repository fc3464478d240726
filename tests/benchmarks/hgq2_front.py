"""HGQ2's own training on the shipped jets, from large to small: every network of its front by validation accuracy and EBOPs.

    python -m tests.benchmarks.hgq2_front FOLDER --seed 1 --epochs 4500

The recipe of HGQ2's small_jet_tagger example: four QBatchNormDense layers, weights kbi SAT_SYM, data kif WRAP, Adam on a cosine with restarts,
beta from 5e-7 (the first tenth) by a logarithm to 1e-3, sixteen batches an epoch. Runs in an environment of its own (requirements/hgq2.txt, jax,
and pandas and pyarrow for the data), resumes where it was stopped, and keeps under FOLDER one Keras file a network of the front and `log.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from hgq.config import LayerConfigScope, QuantizerConfig, QuantizerConfigScope
from hgq.layers import QBatchNormDense
from hgq.regularizers import MonoL1
from hgq.utils.sugar import BetaScheduler, Dataset, FreeEBOPs, ParetoFront, PieceWiseSchedule

from models.data import load_dataset

HIDDEN = (64, 32, 32)
BATCHES = 16
"""An epoch, as the example has of 16 times as many jets."""
RESTART = 4000
"""Batches of one cosine."""
FIRST_BETA, LAST_BETA = 5e-7, 1e-3
LEAST = 0.68
"""Validation accuracy of what is kept."""
LOGGED, SAVED = 20, 200
"""Epochs between lines of the log, and between states to resume from."""


def make_model(features: int, classes: int) -> keras.Model:
    bits = MonoL1(1e-8)
    weights = QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM", round_mode="RND", k0=1, b0=3, i0=0,
                                   br=bits, ir=bits)
    data = QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP", round_mode="RND", k0=0, f0=3, i0=3,
                                fr=bits, ir=bits)
    with weights, data, LayerConfigScope(enable_ebops=True, beta0=FIRST_BETA):
        first = {"iq_conf": QuantizerConfig(place="datalane", k0=1, f0=5)}
        layers = [QBatchNormDense(width, activation="relu", **(first if place == 0 else {})) for place, width in enumerate(HIDDEN)]
        return keras.Sequential([keras.layers.Input((features,)), *layers, QBatchNormDense(classes)])


class Front(ParetoFront):
    """Those of a stopped run too."""

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        for path in sorted(self.path.glob("epoch=*.keras")):
            found = re.fullmatch(r"epoch=\d+_val_accuracy=([\d.]+)_ebops=(\d+)", path.stem)
            self.paths.append(path)
            self.record.append(self.sides * 0 + [float(found[1]), int(found[2])])


class Log(keras.callbacks.Callback):
    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        if epoch % LOGGED == 0:
            with self.path.open("a") as file:
                numbers = {name: float(value) for name, value in logs.items()}
                file.write(json.dumps({"epoch": epoch, "cpu": round(time.process_time(), 1), **numbers}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=4500)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(asked.seed)
    dataset = load_dataset()
    train, validation = ((part.x - dataset.mean) / dataset.std for part in (dataset.train, dataset.validation))
    model = make_model(train.shape[1], len(dataset.classes))
    rate = keras.optimizers.schedules.CosineDecayRestarts(5e-3, RESTART, t_mul=1.0, m_mul=0.98, alpha=1e-6)
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"],
                  jit_compile=True, steps_per_execution=BATCHES)
    beta = PieceWiseSchedule([(0, FIRST_BETA, "constant"), (asked.epochs // 10, FIRST_BETA, "log"), (asked.epochs, LAST_BETA, "constant")])
    front = Front(asked.folder, ["val_accuracy", "ebops"], [1, -1], enable_if=lambda logs: logs["val_accuracy"] > LEAST)
    callbacks = [BetaScheduler(beta), FreeEBOPs(), front, Log(asked.folder / "log.jsonl"),
                 keras.callbacks.BackupAndRestore(asked.folder / "state", save_freq=BATCHES * SAVED, delete_checkpoint=False)]
    model.fit(Dataset(train, dataset.train.y, len(train) // BATCHES, shuffle=True), epochs=asked.epochs, callbacks=callbacks, verbose=0,
              validation_data=Dataset(validation, dataset.validation.y, len(validation)))


if __name__ == "__main__":
    main()
