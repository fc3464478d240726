"""Run a study: what is finished is read, what is not is run, and the table is made of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from models.study.description import Run, Study
from models.study.search import search
from models.study.store import Store, write_tables

Execute = Callable[[list[Run]], Iterator[tuple[Run, dict]]]


def run_study(
    study: Study, folder: Path, execute: Execute, on_done: Callable[[int, int, Run], None] = lambda done, planned, run: None
) -> list[dict]:
    """Results of every training of `study` in its own order; `folder` keeps each as soon as it is there, and the tables.

    `on_done` hears how many trainings are finished of how many, and the last one. Call again after any interruption.
    """
    store, planned = Store(folder), len(study.runs)
    if study.search:
        planned += study.search.trials + len(study.repeat)
    done = 0

    def run_all(runs: list[Run]) -> list[dict]:
        nonlocal done
        results = {run.id: store.load(run) for run in runs}
        missing = [run for run in runs if results[run.id] is None]
        done += len(runs) - len(missing)
        for run, result in execute(missing) if missing else ():
            store.save(run, result)
            results[run.id] = store.load(run)
            done += 1
            on_done(done, planned, run)
        return [results[run.id] | {"arm": run.arm} for run in runs]

    results = run_all(list(study.runs))
    if study.search:
        results += search(study, run_all)
    write_tables(folder, results)
    return results
