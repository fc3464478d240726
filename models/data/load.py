"""Finds a data set by name or path."""

from __future__ import annotations

from pathlib import Path

from models.data.dataset import Dataset
from models.data.openml import load_openml
from models.data.shipped import NAME, load_shipped
from models.data.table import SUFFIXES, load_table

NAMED = (NAME, "openml")


def load_dataset(
    name_or_path: str | Path = NAME, label: str | None = None, drop: tuple[str, ...] = (), task: str = "classes"
) -> Dataset:
    """The shipped set ('qapjets'), the published one ('openml'), or a table of the user's own (.csv, .parquet or .npz) whose
    classes are in column `label`, without the columns of `drop`; `task` as load_table's.

    Raises ValueError for a table that cannot be used, OSError for a file that cannot be read, and RuntimeError for a download
    that fails."""
    given = str(name_or_path)
    if given in NAMED:
        if label is not None:
            raise ValueError(f"--label is for tables of your own: '{given}' knows its classes")
        if drop or task == "regression":
            raise ValueError(f"{'--drop' if drop else '--task regression'} is for tables of your own, not for '{given}'")
        return load_shipped() if given == NAME else load_openml()
    return load_table(suffix_checked(name_or_path), label, drop, task)


def suffix_checked(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"--data {path}: neither '{NAME}' nor 'openml' nor a file that ends in {', '.join(SUFFIXES)}")
    return path
