"""The one form in which every data set reaches training, builds and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.data.split import SPLIT_SEED, stratified_split

MIN_ROWS_PER_CLASS = 10
MIN_ROWS = 20


@dataclass(frozen=True, eq=False)
class Part:
    """`x` float32 [N, F], raw features; `y` int64 [N], the index into the data set's classes, or float32 [N, T], numbers to predict. In
    random order."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows in three fixed parts. `classes` are names: of the classes, or of the numbers to predict; none where the table has no
    labels. `sha256` is that of the file the rows came from; `ids` are features that look like an id of the row."""

    name: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    sha256: str
    ids: tuple[str, ...] = ()

    @cached_property
    def mean(self) -> np.ndarray:
        """float32 [F]: the mean of each feature over the training part."""
        return self.train.x.mean(axis=0, dtype=np.float64).astype(np.float32)

    @cached_property
    def std(self) -> np.ndarray:
        """float32 [F]: the standard deviation of each feature over the training part."""
        return self.train.x.std(axis=0, dtype=np.float64).astype(np.float32)


def make_dataset(
    name: str, x: np.ndarray, y: np.ndarray | None, features: list[str], classes: list[str], sha256: str, rows=None,
    split_seed: int = SPLIT_SEED, ids: tuple[str, ...] = (),
) -> Dataset:
    """Check the table and cut it into parts: those of `rows` (three arrays of row numbers) or a split, stratified by whole-number
    labels.

    Raises ValueError, naming the data set and the columns or classes, for values that are not finite, constant columns, fewer
    than two classes and classes of fewer than 10 rows."""
    x = finite_float32(name, x, features)
    y = np.zeros(len(x), np.int64) if y is None else y
    if y.ndim == 1 and classes:
        y = np.ascontiguousarray(y, np.int64)
        _check_classes(name, y, classes)
    elif len(x) < MIN_ROWS:
        raise ValueError(f"{name}: {len(x)} rows: at least {MIN_ROWS} are needed")
    strata = y if y.ndim == 1 else np.zeros(len(y), np.int64)
    y = y if y.ndim == 1 else np.ascontiguousarray(y, np.float32)
    parts = [Part(x[chosen], y[chosen]) for chosen in (stratified_split(strata, split_seed) if rows is None else rows)]
    constant = np.flatnonzero(np.ptp(parts[0].x, axis=0) == 0)
    if len(constant):
        raise ValueError(f"{name}: {_columns(features, constant)} has one value only in the training part: leave it out "
                         f"(--drop {features[constant[0]]})")
    return Dataset(name, tuple(features), tuple(classes), *parts, sha256, ids)


def finite_float32(name: str, x: np.ndarray, features: list[str]) -> np.ndarray:
    """x as float32 [rows, features]. ValueError, naming the columns, where a value is none."""
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(x, np.float32)
    if x.ndim != 2 or x.shape[1] != len(features):
        raise ValueError(f"{name}: the features have shape {list(x.shape)}, not [rows, {len(features)}]")
    broken = ~np.isfinite(x)
    if broken.any():
        columns = np.flatnonzero(broken.any(axis=0))
        rows = int(broken.any(axis=1).sum())
        raise ValueError(f"{name}: {_columns(features, columns)} is missing, infinite or beyond float32 in {rows} rows: fill or drop them")
    return x


def _check_classes(name: str, y: np.ndarray, classes: list[str]) -> None:
    if len(classes) < 2:
        raise ValueError(f"{name}: every row is of class '{classes[0] if classes else ''}': at least two classes are needed")
    if len(y) and (y.min() < 0 or y.max() >= len(classes)):
        raise ValueError(f"{name}: labels run from {y.min()} to {y.max()}, but there are {len(classes)} classes")
    counts = np.bincount(y, minlength=len(classes))
    if counts.min() < MIN_ROWS_PER_CLASS:
        least = classes[int(counts.argmin())]
        raise ValueError(f"{name}: {counts.min()} rows of class '{least}': at least {MIN_ROWS_PER_CLASS} of each class are needed")


def _columns(features: list[str], indices: np.ndarray) -> str:
    names = [f"'{features[i]}'" for i in indices]
    return f"column {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")
