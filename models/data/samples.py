"""Samples on which nothing is trained: what a build verifies on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.data.dataset import finite_float32
from models.data.load import NAMED, load_dataset, suffix_checked
from models.data.split import stratified_split
from models.data.table import Table, read_table


@dataclass(frozen=True, eq=False)
class Samples:
    """`x` float32 [N, F]; `y` int64 [N], indices into `classes`, or None; `source` says what they are."""

    x: np.ndarray
    y: np.ndarray | None
    classes: tuple[str, ...]
    source: str


def load_samples(name_or_path: str | Path, label: str | None = None, drop: tuple[str, ...] = (), all_rows: bool = False) -> Samples:
    """The test split of a data set, as training would cut it, or all of its rows. Constant columns, images and rare classes are fine,
    and so are a table without a label and a label that is a number to predict: there is no y then. Errors as load_dataset's."""
    if str(name_or_path) in NAMED:
        dataset = load_dataset(name_or_path, label, drop)
        parts = [dataset.train, dataset.validation, dataset.test] if all_rows else [dataset.test]
        x, y = (np.concatenate([getattr(part, axis) for part in parts]) for axis in "xy")
        return Samples(x, y, dataset.classes, f"{dataset.name}, {'all rows' if all_rows else 'test split'}")
    table = _table(suffix_checked(name_or_path), label, drop)
    x, y = finite_float32(table.name, table.x, list(table.features)), table.y
    rows = np.arange(len(x)) if all_rows or y is None and label is None else _test_rows(y, len(x), table.split_seed)
    what = "all rows" if len(rows) == len(x) else "test split"
    return Samples(x[rows], None if y is None else y[rows], table.classes, f"{table.name}, {what}")


def _table(path: Path, label: str | None, drop: tuple[str, ...]) -> Table:
    """With the label's column as classes if it can be; else it is left out."""
    try:
        return read_table(path, label, drop)
    except ValueError as fault:
        if label is None or path.suffix == ".npz" or not ("different values" in str(fault) or "," in label):
            raise
        return read_table(path, label, drop, "autoencoder" if "," not in label else "regression")


def _test_rows(y: np.ndarray | None, rows: int, seed: int) -> np.ndarray:
    """The test part; all rows where there are too few for one."""
    chosen = stratified_split(np.zeros(rows, np.int64) if y is None else y, seed)[2]
    return chosen if len(chosen) else np.arange(rows)
