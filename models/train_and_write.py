"""Train a network and write its folder: model.onnx first, then performance.json and record.json, each atomically."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.status import Status
from torch import Tensor

from models import checkpoint
from models.configuration import TrainConfig
from models.data import load_dataset
from models.export import export
from models.fitting import Diverged
from models.float_start import told
from models.metrics.curves import performance_file, performance_of
from models.own import told_ids
from models.record import record, replace_file, write_json
from models.tensors import Tensors, to_tensors
from models.training import Trained, train
from models.widths.training import FrontNet

CHECKED_JETS = 500
CLASSIFIERS = ("classes", "binary")
"""Tasks with classes, of which there are confusion matrices and ROCs."""


def telling(console: Console, status: Status) -> Callable[[str, int, float], None]:
    """tell(stage, epoch, loss): shown in place; where there is no terminal, a line when a stage begins."""
    begun: set[str] = set()

    def tell(stage: str, epoch: int, loss: float) -> None:
        status.update(f"{stage}: epoch {epoch}, loss {loss:.4f}")
        if not console.is_terminal and stage not in begun:
            begun.add(stage)
            console.print(stage, soft_wrap=True)

    return tell


def keeping(folder: Path, check: Tensor) -> Callable[[FrontNet], None]:
    """keep(net): writes `folder`/AREA.onnx; the first of a walk takes the place of what was there."""
    earlier = list(folder.glob("*.onnx"))

    def keep(net: FrontNet) -> None:
        while earlier:
            earlier.pop().unlink()
        net.model.export(folder / f"{net.area:.0f}.onnx", check)

    return keep


def train_and_write(config: TrainConfig, folder: Path, command: str) -> dict:
    """Train as `config` says, write `folder`/{model.onnx, performance.json, record.json}, for a walk front/*.onnx too, return the record.
    Progress goes to stderr."""
    dataset = load_dataset(config.dataset, config.label, config.drop, config.task)
    tensors = to_tensors(dataset, config)
    console = Console(stderr=True, highlight=False)
    for line in [*told_ids(dataset), *(told(config, tensors) if config.float_start else ())]:
        console.print(line, soft_wrap=True)
    try:
        with console.status("training") as status:
            trained = train(config, tensors, telling(console, status), keeping(folder / "front", tensors.test.x[:CHECKED_JETS]))
    except Diverged as fault:
        checkpoint.save(fault.model, folder / "last_good.pt")
        raise RuntimeError(f"{fault}; written to {folder / 'last_good.pt'}") from fault
    folder.mkdir(parents=True, exist_ok=True)
    written = record(folder.resolve().name, command, config, dataset, trained)
    if trained.front:
        trained.model.export(folder / "model.onnx", tensors.test.x)
    else:
        export(trained.model, folder / "model.onnx", tensors.test.x[:CHECKED_JETS])
    if config.task in CLASSIFIERS:
        write_performance(trained, tensors, dataset.name, folder)
    write_json(folder / "record.json", written)
    return written


def write_performance(trained: Trained, tensors: Tensors, dataset: str, folder: Path) -> None:
    """performance.json: what each net on the way answers to the test part."""
    y = tensors.test.y.numpy().astype("int64")
    nets = {name: performance_of(scores, y, tensors.classes) for name, scores in trained.scores.items()}
    content = performance_file(nets, tensors.classes, dataset, folder / "model.onnx")
    replace_file(folder / "performance.json", json.dumps(content, separators=(",", ":")) + "\n")
