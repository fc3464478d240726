"""From a chosen rung to a network's folder and a verified build."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click
import torch

from build_dataflow.budget.budget import Budget, Priced, cheapest
from build_dataflow.budget.jobs import tensors_of
from build_dataflow.building import build
from build_dataflow.clock import network_of
from build_dataflow.configuration import BuildOptions, read_options
from build_dataflow.report import print_report
from build_dataflow.steps import synthesised_luts
from finn_steps.folding.choose import choose_foldings
from models import qap
from models.biases import snap_biases
from models.configuration import TrainConfig
from models.data.dataset import Dataset
from models.export import export
from models.ladder import Ladder
from models.pruning.masks import Masks
from models.record import network_record, write_json
from models.training import accuracies


def options_of(one: Priced, budget: Budget, model: Path, config: TrainConfig | None = None, name: str = "rung") -> BuildOptions:
    """A frame every cycle, at the rung's clock."""
    data = {} if config is None else {"data": config.dataset, "label": config.label, "drop": config.drop}
    return read_options(str(model), {**data, "name": name, "part": budget.part, "clock_ns": one.cost.clock_ns,
                                     "registers_every": one.cost.registers_every, "target_ii": 1})


def count(one: Priced, budget: Budget) -> int:
    """LUTs of a rung's design as Yosys counts them."""
    options = options_of(one, budget, one.rung.onnx)
    accelerator = network_of(options)
    foldings = choose_foldings(accelerator, 1, registers_every=one.cost.registers_every)
    return synthesised_luts(accelerator.with_foldings(foldings), options)


def floor_of(config: TrainConfig, budget: Budget) -> None:
    """ValueError, before anything is trained, where even one weight in each layer is beyond the budget."""
    _, tensors = tensors_of(config)
    torch.manual_seed(0)
    plain = config.with_fields(batch_norm="none", float_start=None, start=None)
    model = qap.build(plain, tensors)
    masks = Masks(model.weights)
    masks.alive = [one_path(weight) for weight in masks.alive]
    masks.apply()
    snap_biases(model)
    with tempfile.TemporaryDirectory(prefix="qapflow-floor-") as folder:
        export(model, Path(folder) / "least.onnx", tensors.test.x[:1])
        least = cheapest(Path(folder) / "least.onnx", Budget(None, budget.latency_ns, None, budget.part, budget.clock))
    asked = [(budget.lut, least.lut, "LUT"), (budget.latency_ns, least.latency_ns, "ns")]
    for limit, needed, unit in asked:
        if limit is not None and needed > limit:
            raise ValueError(f"nothing keeps {budget}: a network with a single weight in each layer takes {needed:,.4g} {unit} already "
                             f"({least.lut:,} LUT and {least.latency_ns:.0f} ns, by the estimate)")


def require_within(budget: Budget, summary: dict) -> None:
    """RuntimeError where what was built, as it was counted and simulated, is beyond the budget."""
    lut, hardware = summary["synthesis"]["lut"], summary["hardware"]
    latency_ns = hardware["latency_cycles"] * hardware["clock_ns"]
    if budget.lut is not None and lut > budget.lut or budget.latency_ns is not None and latency_ns > budget.latency_ns + 1e-9:
        raise RuntimeError(f"the build is not within {budget}: {lut:,} LUT counted, {latency_ns:.0f} ns")


def one_path(alive: torch.Tensor) -> torch.Tensor:
    mask = torch.zeros_like(alive)
    mask[0, 0] = True
    return mask


def write_network(best: Priced, config: TrainConfig, data: Dataset, folder: Path, command: str, float_accuracy: dict[str, float],
                  budget: Budget, build_folder: Path) -> dict:
    """model.onnx and record.json in `folder`, the build beside; the summary of the build."""
    _, tensors = tensors_of(config)
    steps = Ladder(best.rung.arm, config, tensors, Path(best.rung.folder))
    model, _ = steps.load(best.rung.key)
    snap_biases(model)
    scored = {"float": float_accuracy, best.rung.arm: accuracies(model, steps.prepared(model))}
    shutil.copyfile(best.rung.onnx, folder / "model.onnx")
    written = network_record(folder.resolve().name, command, config, data, model)
    write_json(folder / "record.json", written | {"shipped": best.rung.arm, "accuracy": scored, "budget": str(budget)})
    summary = build(options_of(best, budget, folder / "model.onnx", config, folder.resolve().name), build_folder)
    require_within(budget, summary)
    print_report(summary, build_folder)
    click.echo(f"\n{best.rung.arm}: {best.rung.nonzeros} of {best.rung.weights} weights, {best.rung.accuracy:.4f} ± {best.rung.error:.4f} on "
               f"validation ({float_accuracy['validation']:.4f} of the float twin)")
    click.echo(f"within {budget}: {summary['synthesis']['lut']:,} LUT counted, {summary['hardware']['latency_cycles']} cycles of "
               f"{best.cost.clock_ns:g} ns are {summary['hardware']['latency_cycles'] * best.cost.clock_ns:.0f} ns (the period is an estimate)")
    click.echo(f"wrote {folder / 'model.onnx'}, record.json, front.csv and front.png; {build_folder}")
    return summary
