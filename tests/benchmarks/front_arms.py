"""Trainings of the arms of the front that are pruned: each some networks from large to small, chosen without the test part.

    python -m tests.benchmarks.front_arms ARM SEED... [--output FOLDER]        # FOLDER/ARM/SEED/NONZEROS.onnx, and a line for each

Then: python -m tests.benchmarks.front measure ARM SEED FOLDER/ARM/SEED/*.onnx
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import torch

from models import qap
from models.biases import snap_biases
from models.configuration import TrainConfig
from models.data import load_dataset
from models.dpp import train_dpp
from models.drivers import Training, together
from models.export import export
from models.fitting import Task, accuracy
from models.ladder import shares
from models.metrics.hardware import digits, nonzeros
from models.network import QuantMLP
from models.study.evaluate import integer_weights
from models.tensors import Tensors, to_tensors

BASE = {"weight_bits": 6, "activation_bits": 5, "input_bits": 8, "batch_norm": "folded", "schedule": "cosine", "patience": 0}
CUT = BASE | {"learning_rate": 2e-2, "batch_size": 512, "l1": 1e-4, "dense_epochs": 40, "epochs": 15, "final_epochs": 100}
SHORT = CUT | {"batch_size": 1024, "epochs": 12, "final_epochs": 60}
SAMPLED = BASE | {"method": "dpp", "learning_rate": 5e-3, "final_learning_rate": 3e-3, "epochs": 40, "final_epochs": 60,
                  "temperature_start": 1.0}
RUNGS = tuple(shares(4256, 4))
"""Of the 4,256 weights of 16-64-32-32-5."""

LADDERS = {
    "magnitude": (CUT | {"saliency": "magnitude", "remaining": RUNGS}, (0.075, 0.058, 0.046, 0.038, 0.026)),
    "fisher": (CUT | {"saliency": "fisher", "remaining": RUNGS}, (0.058, 0.038, 0.026, 0.01848, 0.01304)),
    "digits": (SHORT | {"saliency": "fisher", "granularity": "digits", "remaining": (0.4, 0.2, 0.1, 0.06, 0.038, 0.026, 0.018, 0.013, 0.009)},
               (0.038, 0.026, 0.018, 0.013, 0.009)),
}
"""Of QAP: the training, and those of its `remaining` whose networks are fitted for `final_epochs`."""

SIZES = {
    "dpp": (SAMPLED, [
        {"keep": (2, 2, 2, 2), "neurons": (12, 8, 6)},
        {"keep": (2, 2, 2, 3), "neurons": (17, 11, 8)},
        {"keep": (2, 3, 2, 4), "neurons": (24, 16, 12)},
        {"keep": (3, 3, 2, 5), "neurons": (36, 22, 19)},
    ]),
    "dpp-digits": (SAMPLED | {"granularity": "digits"}, [
        {"keep": (3, 3, 3, 4), "neurons": (10, 7, 5)},
        {"keep": (4, 4, 4, 5), "neurons": (12, 8, 6)},
        {"keep": (4, 4, 4, 6), "neurons": (17, 11, 8)},
        {"keep": (6, 6, 6, 10), "neurons": (24, 16, 12)},
    ]),
}
"""Of DPP: the training, and what each network keeps."""


@click.command()
@click.argument("arm", type=click.Choice([*LADDERS, *SIZES]))
@click.argument("seeds", type=int, nargs=-1, required=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("build/arms"), show_default=True)
def main(arm: str, seeds: tuple[int, ...], output: Path) -> None:
    torch.set_num_threads(1)
    dataset = load_dataset("qapjets")
    fields, wanted = (LADDERS | SIZES)[arm]
    trainings = []
    for seed in seeds:
        config = TrainConfig().with_fields(**fields, seed=seed)
        tensors = to_tensors(dataset, config)
        keep = partial(kept, f"{arm} {seed}", output / arm / str(seed), tensors.test.x[:20])
        trainings += [cut(config, wanted, tensors, keep)] if arm in LADDERS else sampled(config, wanted, tensors, keep)
    together(trainings)


Keep = Callable[[QuantMLP, qap.Prepared], None]


def kept(name: str, folder: Path, check: torch.Tensor, model: QuantMLP, prepared: qap.Prepared) -> None:
    """Write `model`, and tell its size and what it has on validation."""
    built = copy.deepcopy(model)
    snap_biases(built)
    weights = integer_weights(built)
    export(built, folder / f"{nonzeros(weights)}.onnx", check)
    click.echo(f"{name}: {nonzeros(weights)} nonzeros, {digits(weights)} digits, validation {accuracy(built, prepared.validation):.4f}")


def cut(config: TrainConfig, wanted: tuple[float, ...], tensors: Tensors, keep: Keep) -> Training:
    """Cut by cut to the smallest of the `wanted` shares; at each of them a copy is fitted for long."""
    model, prepared, _, _ = yield from qap.train_dense(config, tensors)
    masks = qap.masks_of(model, config)
    for number, share in enumerate(config.remaining):
        masks.prune(qap.scores(model, masks, config.saliency[0], prepared, config, number), round(share * masks.total))
        if share in wanted:
            copied = copy.deepcopy((model, masks))
            yield from refitted(*copied, config, qap.final_plan(config), prepared, 100 + number)
            keep(copied[0], prepared)
        if share <= min(wanted):
            return
        yield from refitted(model, masks, config, qap.fit_plan(config), prepared, 2 + number)


def refitted(model: QuantMLP, masks: qap.Masks, config: TrainConfig, plan, prepared: qap.Prepared, stage: int) -> Training:
    with masks.held() as hold:
        yield Task(model, prepared.train, prepared.validation, plan, qap.shuffler(config, stage), after_step=hold)
    masks.check()


def sampled(config: TrainConfig, wanted: list[dict], tensors: Tensors, keep: Keep) -> Iterator[Training]:
    """A training for each of the `wanted` sets of fields."""
    for fields in wanted:
        yield one_sampled(config.with_fields(**fields), tensors, keep)


def one_sampled(config: TrainConfig, tensors: Tensors, keep: Keep) -> Training:
    model, prepared, _ = yield from train_dpp(config, tensors)
    keep(model, prepared)


if __name__ == "__main__":
    main()
