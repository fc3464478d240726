"""Run a study: what is finished is read, what is not is run, and the table is made of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from models.dpp import add_masks
from models.network import QuantMLP
from models.study.description import Run, Study
from models.study.run import dataset
from models.study.search import search
from models.study.store import Store, write_tables

Batch = tuple[Run, ...]  # trained as one
Execute = Callable[[list[Batch]], Iterator[tuple[Batch, list[dict]]]]


def run_study(
    study: Study, folder: Path, execute: Execute, on_done: Callable[[int, int, Run], None] = lambda done, planned, run: None,
    models: bool = False,
) -> list[dict]:
    """Results of every training of `study` in its own order; `folder` keeps each as soon as it is there, and the tables.

    ValueError, before anything is trained, for masks that cannot be. `on_done` hears how many trainings are finished of how many,
    and the last one. Call again after any interruption. With `models` every quantised net is exported into `folder`/models, and its
    row says where (`model`).
    """
    check_masks(study)
    store, planned = Store(folder), len(study.runs)
    if study.search:
        planned += study.search.trials + len(study.repeat) * (1 + len(study.search.bops))
    done = 0

    def run_all(batches: list[Batch]) -> list[dict]:
        nonlocal done
        if models:
            batches = [tuple(replace(run, models=str(folder.resolve() / "models")) for run in batch) for batch in batches]
        runs = [run for batch in batches for run in batch]
        results = {run.id: result for run in runs if (result := store.load(run)) is not None}
        missing = [batch for batch in batches if any(run.id not in results for run in batch)]
        done += len(runs) - sum(map(len, missing))
        for batch, trained in execute(missing) if missing else ():
            for run, result in zip(batch, trained):
                if run.id not in results:
                    store.save(run, result)
                    results[run.id] = store.load(run)
            done += len(batch)
            on_done(done, planned, batch[-1])
        return [results[run.id] | {"arm": run.arm} for run in runs]

    results = run_all(study.batches(study.runs))
    if study.search:
        results += search(study, run_all)
    write_tables(folder, results)
    return results


def check_masks(study: Study) -> None:
    """ValueError, naming arm, layer and values, for a k, tile or block that a network of `study` cannot have."""
    for run in study.runs:
        if run.config.method == "dpp":
            data = dataset(run.config)
            features = torch.ones(len(data.features))
            try:
                add_masks(QuantMLP(run.config, features, features, len(data.classes)), run.config)
            except ValueError as fault:
                raise ValueError(f"arm '{run.arm}': {fault}") from fault
