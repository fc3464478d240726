"""The published jets: OpenML 42468, hls4ml_lhc_jets_hlf, downloaded once and then held to its sha256."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import tempfile
import urllib.error
import warnings
from pathlib import Path

import numpy as np

from models.data.dataset import Dataset, make_dataset
from models.data.files import sha256_of, write_atomically
from models.data.generator.names import CLASSES, FEATURES

DATA_ID = 42468
ROWS = 830_000
SPLIT_STATE = 42
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2


def cache_folder() -> Path:
    """${QAPFLOW_CACHE:-~/.cache/qapflow}"""
    return Path(os.environ.get("QAPFLOW_CACHE") or Path.home() / ".cache" / "qapflow")


def load_openml(rows: int = ROWS) -> Dataset:
    """The published set of `rows` jets, from the cache or the network.

    The split is the usual one: 20 % test (random_state 42) and, of the rest, 20 % validation drawn the same way. Raises RuntimeError
    when the download fails, and ValueError when it, or the cached copy, is not the expected set."""
    file = cache_folder() / f"openml-{DATA_ID}.npz"
    if not file.exists():
        _download(file, rows)
    recorded = file.with_suffix(".sha256")
    if not recorded.exists() or (actual := sha256_of(file)) != recorded.read_text().strip():
        raise ValueError(f"{file}: the cached copy has changed since it was downloaded: delete it to download it again")
    with np.load(file, allow_pickle=False) as arrays:
        x, y = arrays["X"], arrays["y"]
    return make_dataset("openml", x, y, list(FEATURES), list(CLASSES), actual, rows=_published_split(len(y)))


def _published_split(rows: int) -> list[np.ndarray]:
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(np.arange(rows), test_size=TEST_SHARE, random_state=SPLIT_STATE)
    train, validation = train_test_split(rest, test_size=VALIDATION_SHARE, random_state=SPLIT_STATE)
    return [train, validation, test]


def _download(file: Path, rows: int) -> None:
    """Fetch, check and cache. The fingerprint is written before the file, so that a file without one is never trusted; a set that
    is deleted and downloaded again must still match it."""
    x, y = _check(*_fetch(file.parent), rows)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, X=x, y=y)
    recorded, actual = file.with_suffix(".sha256"), hashlib.sha256(buffer.getvalue()).hexdigest()
    if recorded.exists() and recorded.read_text().strip() != actual:
        raise ValueError(f"OpenML {DATA_ID} is no longer the set that was first downloaded: delete {recorded} to accept the new one")
    write_atomically(recorded, lambda stream: stream.write(f"{actual}\n".encode()))
    write_atomically(file, lambda stream: stream.write(buffer.getvalue()))


def _fetch(folder: Path):
    """Features (data frame) and labels (series) through scikit-learn's client; its own files are gone afterwards."""
    from sklearn.datasets import fetch_openml

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".openml-") as scratch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bunch = fetch_openml(data_id=DATA_ID, data_home=scratch, as_frame=True, parser="pandas", n_retries=1)
            return bunch.data, bunch.target
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise RuntimeError(f"OpenML {DATA_ID} could not be downloaded: {error}; check the network, or use --data qapjets") from error
    except (ValueError, EOFError, KeyError) as error:
        raise RuntimeError(f"OpenML {DATA_ID}: the download is damaged or cut short ({_first_line(error)}): try again") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def _check(data, target, rows: int) -> tuple[np.ndarray, np.ndarray]:
    if data.shape != (rows, len(FEATURES)):
        raise ValueError(f"OpenML {DATA_ID} has shape {list(data.shape)}, not [{rows}, {len(FEATURES)}]: it is not the published set")
    if tuple(data.columns) != FEATURES:
        raise ValueError(f"OpenML {DATA_ID} has the features {', '.join(data.columns)}: they are not those of the published set")
    labels = target.astype(str).to_numpy()
    classes, y = np.unique(labels, return_inverse=True)
    if tuple(classes) != CLASSES:
        raise ValueError(f"OpenML {DATA_ID} has the classes {', '.join(classes)}, not {', '.join(CLASSES)}: it is not the published set")
    return data.to_numpy(np.float32), y.astype(np.int64)
