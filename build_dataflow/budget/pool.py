"""Worker processes that end with their parent."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from models.study.execute import end_with_parent


@contextmanager
def pool(workers: int | None):
    """A function that starts work in one of `workers` processes (None: the machine's cores) and returns its Future."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    executor = ProcessPoolExecutor(workers or os.cpu_count() or 1, mp_context=multiprocessing.get_context("spawn"),
                                   initializer=end_with_parent)
    try:
        yield executor.submit
    finally:
        executor.shutdown(cancel_futures=True)
