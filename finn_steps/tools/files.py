"""Files: JSON and npz of anyone's are read as plain values, of a size that is known before anything is made of them; ours are replaced whole."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

MOST_JSON_BYTES = 2**25
MOST_ARRAY_BYTES = 2**29
"""Of all arrays of a file together, unpacked."""


def read_json_object(path: Path | str, what: str = "a JSON object") -> dict:
    """ValueError, naming the file, where it is not one JSON object. `what` it should be, for messages."""
    path = Path(path)
    if path.stat().st_size > MOST_JSON_BYTES:
        raise ValueError(f"{path}: {path.stat().st_size / 2**20:,.0f} MB; supported: up to {MOST_JSON_BYTES / 2**20:.0f} MB")
    try:
        content = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError(f"{path}: not valid JSON: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected {what}")
    return content


def read_arrays(path: Path | str) -> dict[str, np.ndarray]:
    """Every array of an npz file; none is an object that would have to be unpickled. ValueError, naming the file, for anything else."""
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > MOST_ARRAY_BYTES:
            raise ValueError(f"its arrays take {size / 2**20:,.0f} MB; supported: up to {MOST_ARRAY_BYTES / 2**20:.0f} MB")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if any(array.size > array.nbytes for array in arrays.values() if isinstance(array, np.ndarray)):
            raise ValueError("an array's values take no bytes, however many they are; supported: numbers and text")
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError, KeyError, TypeError, SyntaxError, MemoryError, RuntimeError, NotImplementedError, OverflowError,
            zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}: not a readable npz file: {reason}") from error
    if any(not isinstance(array, np.ndarray) for array in arrays.values()):
        raise ValueError(f"{path}: holds more than arrays")
    return arrays


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, or leave it as it was."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
