"""Generates a jet set on several cores, so that a seed gives the same bits for any number of workers and interruptions."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from models.data.files import write_atomically
from models.data.generator.names import CLASSES, FEATURES
from models.data.split import SPLIT_SEED

CHUNK = 1000
PACKAGES = ("pythia8mc", "fastjet", "awkward", "numpy")
SOURCE = Path(__file__).parent / "generator"


@dataclass(frozen=True)
class Task:
    """`jets` jets of one class, seeded by (seed, class, chunk)."""

    jet_class: str
    chunk: int
    jets: int
    seed: int


def plan(jets: int, seed: int) -> list[Task]:
    """The tasks of a set of `jets` jets, as equal in the classes as can be; every chunk but the last of a class is full."""
    if jets < len(CLASSES):
        raise ValueError(f"--jets {jets}: at least {len(CLASSES)} jets are needed, one for each class")
    if seed < 0:
        raise ValueError(f"--seed {seed}: the seed must not be negative")
    tasks = []
    for index, jet_class in enumerate(CLASSES):
        missing = jets // len(CLASSES) + (index < jets % len(CLASSES))
        for chunk in range(-(-missing // CHUNK)):
            tasks.append(Task(jet_class, chunk, min(CHUNK, missing - chunk * CHUNK), seed))
    return tasks


def generate(
    jets: int, seed: int, output: Path, workers: int | None = None, progress: Callable[[int], None] = lambda jets: None
) -> Path:
    """Make `jets` jets and write them to `output` (.npz), calling `progress` with the number of jets of each finished chunk.

    Finished chunks lie in `<output>.parts/` until all are there: a killed run continues from them. The file holds X float32
    [jets, 16], y int64 [jets] (the index into classes), features, classes, split_seed and provenance (JSON), sorted by class.
    Raises ValueError for arguments that cannot be, and RuntimeError when a worker dies."""
    if output.suffix != ".npz":
        raise ValueError(f"--output {output}: the name of a jet set ends in .npz")
    tasks = plan(jets, seed)
    folder = output.with_name(output.name + ".parts")
    folder.mkdir(parents=True, exist_ok=True)
    files = {task: folder / f"{task.jet_class}-{task.chunk:04d}-{task.jets}-{_key(seed)}.npy" for task in tasks}
    for task in tasks:
        if files[task].exists():
            progress(task.jets)
    _run({task: file for task, file in files.items() if not file.exists()}, workers or len(os.sched_getaffinity(0)), progress)
    _assemble(files, jets, seed, output)
    shutil.rmtree(folder)
    return output


def _run(files: dict[Task, Path], workers: int, progress: Callable[[int], None]) -> None:
    if not files:
        return
    others = set(multiprocessing.active_children())
    with _one_thread_each():
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_start_worker)
        try:
            futures = {pool.submit(_make, task, file): task for task, file in files.items()}
            for future in as_completed(futures):
                future.result()
                progress(futures[future].jets)
        except BrokenProcessPool as error:
            raise RuntimeError("a worker died (out of memory?): the finished parts are kept, give the same command again") from error
        except KeyboardInterrupt:
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _make(task: Task, file: Path) -> None:
    from models.data.generator.chunk import generate_chunk

    rows = generate_chunk(task.jet_class, task.chunk, task.jets, task.seed)
    write_atomically(file, lambda stream: np.save(stream, rows))


def _start_worker() -> None:
    """Ctrl-C ends a worker at once, and a worker never outlives its parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


@contextmanager
def _one_thread_each():
    """Workers that start inside run BLAS on one thread: more threads than cores cost half the speed."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: "1" for name in names})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _assemble(files: dict[Task, Path], jets: int, seed: int, output: Path) -> None:
    X = np.concatenate([np.load(file, allow_pickle=False) for file in files.values()])
    y = np.concatenate([np.full(task.jets, CLASSES.index(task.jet_class), np.int64) for task in files])
    provenance = {"jets": jets, "seed": seed, "chunk": CHUNK, "versions": _versions()}
    arrays = {
        "X": X,
        "y": y,
        "features": np.array(FEATURES),
        "classes": np.array(CLASSES),
        "split_seed": np.array(SPLIT_SEED),
        "provenance": np.array(json.dumps(provenance)),
    }
    write_atomically(output, lambda stream: np.savez_compressed(stream, **arrays))


def _versions() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}


def _key(seed: int) -> str:
    """Chunks of other seeds, other generators and other packages are never taken for those of this run."""
    digest = hashlib.sha256(json.dumps([seed, _versions()]).encode())
    for file in sorted(SOURCE.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
