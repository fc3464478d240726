"""Finds a data set by name or path."""

from __future__ import annotations

from pathlib import Path

from models.data.dataset import Dataset
from models.data.openml import load_openml
from models.data.shipped import NAME, load_shipped
from models.data.table import SUFFIXES, load_table


def load_dataset(name_or_path: str | Path = NAME, label: str | None = None) -> Dataset:
    """The shipped set ('qapjets'), the published one ('openml'), or a table of the user's own (.csv, .parquet or .npz) whose
    classes are in column `label`.

    Raises ValueError for a table that cannot be used, OSError for a file that cannot be read, and RuntimeError for a download
    that fails."""
    given = str(name_or_path)
    if given in (NAME, "openml"):
        if label is not None:
            raise ValueError(f"--label is for tables of your own: '{given}' knows its classes")
        return load_shipped() if given == NAME else load_openml()
    path = Path(name_or_path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"--data {given}: neither '{NAME}' nor 'openml' nor a file that ends in {', '.join(SUFFIXES)}")
    return load_table(path, label)
