"""A user's own table as a data set: .csv, .parquet or .npz."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from models.data.dataset import Dataset, make_dataset
from models.data.files import sha256_of
from models.data.split import SPLIT_SEED

SUFFIXES = (".csv", ".parquet", ".npz")
MAX_CLASSES = 100


def load_table(path: Path, label: str | None = None) -> Dataset:
    """The table in `path`. Every column but `label` must be numeric and is a feature.

    A .npz holds X [rows, features], the labels in the array `label` (default: y), and, if it likes, features, classes (names of
    labels 0, 1, …) and split_seed. Raises FileNotFoundError, and ValueError naming the file and the column."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.suffix == ".npz":
        return _load_npz(path, label or "y")
    frame = _read(path)
    if label is None:
        raise ValueError(f"{path}: --label must name the column of the classes: {_some(frame.columns)}")
    if label not in frame.columns:
        raise ValueError(f"{path}: there is no column '{label}' (--label): {_some(frame.columns)}")
    features = frame.drop(columns=label)
    if not len(features.columns):
        raise ValueError(f"{path}: '{label}' is the only column: there are no features")
    words = [str(name) for name in features.columns if not pd.api.types.is_numeric_dtype(features[name])]
    if words:
        raise ValueError(f"{path}: column {_some(words)} is not numeric: encode or drop it")
    y, classes = _encode(path, label, frame[label])
    return make_dataset(str(path), features.to_numpy(np.float64), y, [str(name) for name in features.columns], classes, sha256_of(path))


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (ValueError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}: not a readable {path.suffix[1:]} table: {reason}") from error


def _load_npz(path: Path, label: str) -> Dataset:
    try:
        with np.load(path) as arrays:
            table = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path}: not a readable npz file: {error}") from error
    for name in ("X", label):
        if name not in table:
            raise ValueError(f"{path}: there is no array '{name}': {_some(table)} (--label names the array of the classes)")
    x, labels = table["X"], table[label]
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.number) or labels.shape != x.shape[:1]:
        raise ValueError(f"{path}: X must be numbers [rows, features] and '{label}' [rows], not {list(x.shape)} and {list(labels.shape)}")
    features = [str(name) for name in table.get("features", [f"x{i}" for i in range(x.shape[1])])]
    if "classes" in table and np.issubdtype(labels.dtype, np.integer):
        y, classes = labels, [str(name) for name in table["classes"]]
    else:
        y, classes = _encode(path, label, pd.Series(labels))
    seed = int(table.get("split_seed", SPLIT_SEED))
    return make_dataset(str(path), x, y, features, classes, sha256_of(path), split_seed=seed)


def _encode(path: Path, label: str, column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Labels as numbers, in the sorted order of the classes."""
    if column.isna().any():
        raise ValueError(f"{path}: column '{label}' (--label) is empty in {int(column.isna().sum())} rows: fill or drop them")
    classes, y = np.unique(column.to_numpy() if column.dtype.kind in "biuf" else column.astype(str), return_inverse=True)
    if len(classes) > MAX_CLASSES:
        raise ValueError(f"{path}: column '{label}' (--label) has {len(classes)} different values: it does not look like classes")
    return y, [str(name) for name in classes]


def _some(names) -> str:
    names = [f"'{name}'" for name in names]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
