"""A user's own table as a data set: .csv, .parquet or .npz."""

from __future__ import annotations

import difflib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.data.dataset import Dataset, make_dataset
from models.data.files import sha256_of
from models.data.split import SPLIT_SEED

if TYPE_CHECKING:  # a build without a table needs no pandas, which takes half a second to import
    import pandas as pd

SUFFIXES = (".csv", ".parquet", ".npz")
MAX_CLASSES = 100
MIN_ROWS_OF_IDS = 100
MOST_COLUMNS = 2**16
MOST_BYTES = 2**29
"""Of the arrays of an .npz, and of the cells of a .parquet at 8 bytes each."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a file holds. `x` [rows, features] as it is; `y` int64 [rows], indices into `classes`, or for numbers to be predicted
    float64 [rows, targets], `classes` being their names; None without any."""

    name: str
    x: np.ndarray
    features: tuple[str, ...]
    y: np.ndarray | None
    classes: tuple[str, ...]
    sha256: str
    split_seed: int = SPLIT_SEED

    @property
    def ids(self) -> tuple[str, ...]:
        """Features that look like an id of the row: a whole number, another one in every row."""
        rows = len(self.x)
        if rows < MIN_ROWS_OF_IDS:
            return ()
        whole = np.all(self.x == np.floor(self.x), axis=0) & np.all(np.isfinite(self.x), axis=0)
        return tuple(name for name, column, maybe in zip(self.features, self.x.T, whole) if maybe and len(np.unique(column)) == rows)


def load_table(path: Path, label: str | None = None, drop: tuple[str, ...] = (), task: str = "classes") -> Dataset:
    """The table in `path`, to train on. Every column but `label` and those of `drop` must be numeric and is a feature.

    task  classes (or binary): `label` names the column of the classes; regression: it names numeric columns, separated by commas;
          autoencoder: there need not be any.
    A .npz holds X [rows, features], the labels in the array `label` (default: y), and, if it likes, features, classes (names of
    labels 0, 1, …) and split_seed. Raises FileNotFoundError, and ValueError naming the file and the column."""
    if label is None and task != "autoencoder" and path.is_file():
        _check_labelled(path, task)
    table = read_table(path, label, drop, task)
    return make_dataset(table.name, table.x, table.y, list(table.features), list(table.classes), table.sha256,
                        split_seed=table.split_seed, ids=table.ids)


def _check_labelled(path: Path, task: str) -> None:
    """ValueError where a table that needs a label would have none."""
    if path.suffix == ".npz":
        if "y" not in (arrays := _arrays(path)):
            raise ValueError(f"{path}: there is no array 'y': {_some(arrays)} (--label names the array of the classes)")
        return
    what = "numbers to predict" if task == "regression" else "classes"
    raise ValueError(f"{path}: --label must name the column of the {what}: {_some(_read(path, ()).columns)}")


def read_table(path: Path, label: str | None = None, drop: tuple[str, ...] = (), task: str = "classes") -> Table:
    """The table in `path` as it stands; without a label (of a .npz: without an array y) there is no y."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.suffix == ".npz":
        return _read_npz(path, label, drop, task)
    wanted = () if label is None else tuple(label.split(",")) if task == "regression" else (label,)
    frame = _read(path, wanted if task != "regression" else ())
    for name in wanted:
        _check_column(path, name, frame.columns, "--label")
    for name in drop:
        _check_column(path, name, frame.columns, "--drop")
    features = frame.drop(columns=[*wanted, *(name for name in drop if name not in wanted)])
    if not len(features.columns):
        raise ValueError(f"{path}: {_some(wanted or drop)} is the only column: there are no features")
    y, classes = _answers(path, frame, wanted, task)
    _check_numeric(path, features)
    names = tuple(str(name) for name in features.columns)
    return Table(str(path), features.to_numpy(np.float64), names, y, tuple(classes), sha256_of(path))


def _answers(path: Path, frame: pd.DataFrame, wanted: tuple[str, ...], task: str) -> tuple[np.ndarray | None, list[str]]:
    if not wanted or task == "autoencoder":
        return None, []
    if task != "regression":
        return _encode(path, wanted[0], frame[wanted[0]])
    _check_numeric(path, frame[list(wanted)])
    return _finite(path, wanted, frame[list(wanted)].to_numpy(np.float64)), list(wanted)


def _check_column(path: Path, name: str, columns, option: str) -> None:
    if name not in columns:
        near = difflib.get_close_matches(name, [str(column) for column in columns], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"{path}: there is no column '{name}' ({option}): {_some(columns)}{hint}")


def _check_numeric(path: Path, frame: pd.DataFrame) -> None:
    import pandas as pd

    words = [str(name) for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    if words:
        way_out = " ".join(f"--drop {name}" for name in words[:3])
        raise ValueError(f"{path}: column {_some(words)} is not numeric: encode it, or leave it out with {way_out}")


def _read(path: Path, as_text: tuple[str, ...]) -> pd.DataFrame:
    """The file; columns in `as_text` of a .csv come as they are written there, whatever they look like."""
    import pandas as pd

    try:
        if path.suffix == ".csv":
            _check_width(path)
            return pd.read_csv(path, converters=dict.fromkeys(as_text, str.strip))
        _check_cells(path)
        return pd.read_parquet(path)
    except Exception as error:  # pandas and pyarrow raise what they like for damaged files
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}: not a readable {path.suffix[1:]} table: {reason}") from error


def _check_width(path: Path) -> None:
    """Each column takes a kilobyte, whatever is in it."""
    with open(path, "rb") as file:
        head = file.readline(MOST_COLUMNS * 64)
    if (columns := head.count(b",") + 1) > MOST_COLUMNS or len(head) == MOST_COLUMNS * 64:
        raise ValueError(f"{columns:,} columns and more; supported: up to {MOST_COLUMNS:,}, in a first line of {MOST_COLUMNS * 64:,} bytes")


def _check_cells(path: Path) -> None:
    import pyarrow.parquet as pq

    about = pq.read_metadata(path)
    if (size := about.num_rows * about.num_columns * 8) > MOST_BYTES:
        raise ValueError(f"{about.num_rows:,} rows of {about.num_columns:,} columns take {size / 2**20:,.0f} MB; supported: up to "
                         f"{MOST_BYTES / 2**20:,.0f} MB")


def _read_npz(path: Path, label: str | None, drop: tuple[str, ...], task: str) -> Table:
    table = _arrays(path)
    for name in ("X", *([label] if label else [])):
        if name not in table:
            raise ValueError(f"{path}: there is no array '{name}': {_some(table)} (--label names the array of the classes)")
    x, label = table["X"], label or "y"
    if x.ndim < 2 or not x.size or not np.issubdtype(x.dtype, np.number):
        raise ValueError(f"{path}: X must be numbers [rows, features], not {list(x.shape)} of {x.dtype}")
    x = x.reshape(len(x), -1)
    _check_beside(path, table, x.shape[1])
    y, classes = _npz_answers(path, table, label, len(x), task)
    names = [str(name) for name in table.get("features", [f"x{i}" for i in range(x.shape[1])])]
    for name in drop:
        _check_column(path, name, names, "--drop")
    kept = [place for place, name in enumerate(names) if name not in drop]
    x, names = (x[:, kept], [names[place] for place in kept]) if drop else (x, names)
    return Table(str(path), x, tuple(names), y, tuple(classes), sha256_of(path), int(table.get("split_seed", SPLIT_SEED)))


def _check_beside(path: Path, table: dict, columns: int) -> None:
    """What an .npz may hold beside X and the labels."""
    seed = np.asarray(table.get("split_seed", 0))
    if seed.shape != () or not np.issubdtype(seed.dtype, np.integer) or seed < 0:
        raise ValueError(f"{path}: split_seed must be a whole number, not {list(seed.shape)} of {seed.dtype}")
    for name, wanted in (("features", columns), ("classes", None)):
        names = np.asarray(table.get(name, [""] * columns))
        if names.ndim != 1 or names.dtype.kind not in "UiufbS" or wanted not in (None, len(names)):
            raise ValueError(f"{path}: {name} must be a list of names{'' if wanted is None else f' of the {wanted} columns of X'}, not "
                             f"{list(names.shape)} of {names.dtype}")


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"its arrays take {size / 2**20:,.0f} MB; supported: up to {MOST_BYTES / 2**20:,.0f} MB")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if any(array.size > array.nbytes for array in arrays.values() if isinstance(array, np.ndarray)):
            raise ValueError("an array's values take no bytes, however many they are; supported: numbers and text")
        return arrays
    except Exception as error:  # zipfile, zlib and numpy raise what they like for damaged files
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}: not a readable npz file: {reason}") from error


def _npz_answers(path: Path, table: dict, label: str, rows: int, task: str) -> tuple[np.ndarray | None, list[str]]:
    if task == "autoencoder" or label not in table:
        return None, []
    labels = table[label]
    if task == "regression" and labels.ndim <= 2 and len(labels) == rows and np.issubdtype(labels.dtype, np.number):
        y = labels.reshape(rows, -1)
        return _finite(path, (label,), y.astype(np.float64)), [label if y.shape[1] == 1 else f"{label}{i}" for i in range(y.shape[1])]
    if labels.shape != (rows,):
        raise ValueError(f"{path}: X must be numbers [rows, features] and '{label}' [rows], not {list(table['X'].shape)} and "
                         f"{list(labels.shape)}")
    if "classes" in table and np.issubdtype(labels.dtype, np.integer):
        return labels, [str(name) for name in table["classes"]]
    import pandas as pd

    return _encode(path, label, pd.Series(labels))


def _finite(path: Path, names: tuple[str, ...], y: np.ndarray) -> np.ndarray:
    bad = ~np.isfinite(y)
    if bad.any():
        raise ValueError(f"{path}: {_some(names)} (--label) is missing or infinite in {int(bad.any(axis=1).sum())} rows: fill or drop them")
    return y


def _encode(path: Path, label: str, column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Labels as numbers, in the sorted order of the classes: of numbers if all of them are."""
    if column.map(lambda value: isinstance(value, bytes)).any():
        raise ValueError(f"{path}: column '{label}' (--label) holds bytes; supported: numbers and text")
    empty = column.isna() | (column.astype(str) == "")
    if empty.any():
        raise ValueError(f"{path}: column '{label}' (--label) is empty in {int(empty.sum())} rows: fill or drop them")
    classes, y = np.unique(column.to_numpy() if column.dtype.kind in "biuf" else column.astype(str), return_inverse=True)
    if len(classes) > MAX_CLASSES:
        raise ValueError(f"{path}: column '{label}' (--label) has {len(classes)} different values: it does not look like classes; "
                         "numbers are learned with --task regression")
    order = _number_order(classes)
    return np.argsort(order)[y], [str(classes[place]) for place in order]


def _number_order(classes: np.ndarray) -> np.ndarray:
    """Places of the classes in the order in which they are numbered."""
    try:
        return np.argsort(classes.astype(float), kind="stable")
    except ValueError:
        return np.arange(len(classes))


def _some(names) -> str:
    names = [f"'{name}'" for name in names]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
