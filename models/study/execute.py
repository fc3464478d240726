"""Where a study's trainings run: in this process, on this machine's cores, or on a Dask cluster. The results are the same."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from models.study.description import Run
from models.study.run import train_batch

ROOT = Path(__file__).resolve().parents[2]
Batch = tuple[Run, ...]  # what is trained as one
Executor = Callable[[list[Batch]], Iterator[tuple[Batch, list[dict]]]]  # yields results in the order in which they finish


def serial(batches: list[Batch]) -> Iterator[tuple[Batch, list[dict]]]:
    for batch in batches:
        yield batch, train_batch(batch)


@contextmanager
def local(workers: int):
    """An executor on `workers` processes of this machine (1: this very process)."""
    if workers == 1:
        yield serial
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent)

    def execute(batches: list[Batch]) -> Iterator[tuple[Batch, list[dict]]]:
        futures = {pool.submit(train_batch, batch): batch for batch in batches}
        for future in as_completed(futures):
            yield futures[future], future.result()

    try:
        yield execute
    finally:
        pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """A worker must not outlive a study that was killed: Linux tells it when its parent dies."""
    import ctypes
    import signal

    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def dask(address: str | None = None, cluster=None, patience_s: float = 20):
    """An executor on the Dask scheduler at `address`, or on `cluster`. A worker that dies gives its training to another one."""
    from distributed import Client
    from distributed import as_completed as dask_completed

    try:
        client = Client(cluster if cluster is not None else address, timeout=patience_s)
    except OSError as fault:
        raise OSError(f"no Dask scheduler answers at {address}: start one with `dask scheduler`, and workers with "
                      f"`dask worker {address}` in {ROOT}") from fault

    def execute(batches: list[Batch]) -> Iterator[tuple[Batch, list[dict]]]:
        futures = {client.submit(train_batch, batch, key=f"qapflow-{'-'.join(run.id for run in batch)}", pure=True): batch
                   for batch in batches}
        for future in dask_completed(list(futures)):
            yield futures[future], future.result()

    try:
        yield execute
    finally:
        client.close()


@contextmanager
def batch_system(kind: str, jobs: int):
    """An executor on `jobs` jobs of a Slurm or HTCondor cluster, set up by dask-jobqueue's own configuration
    (~/.config/dask/jobqueue.yaml: queue, cores, memory, walltime)."""
    with batch_cluster(kind) as cluster:
        cluster.scale(jobs=jobs)
        with dask(cluster=cluster) as execute:
            yield execute


def batch_cluster(kind: str, **settings):
    """The dask-jobqueue cluster of a kind; its workers start in this repository. ValueError where configuration is missing."""
    import dask_jobqueue

    classes = {"slurm": dask_jobqueue.SLURMCluster, "htcondor": dask_jobqueue.HTCondorCluster}
    if kind not in classes:
        raise ValueError(f"cluster '{kind}' is none of {', '.join(classes)}")
    prologue = [f"cd '{ROOT}'", "export OMP_NUM_THREADS=1", f"export PYTHONPATH='{ROOT}'"]
    return classes[kind](job_script_prologue=prologue, **settings)
