"""The host's half of an accelerator, read from a package: float32 operations, stream formats and test vectors.

The package is a folder that `deploy.package` made: package.json (what belongs to it, with sha256), accelerator.json,
accelerator.npz, vectors.npz. The format of the accelerator's two files is specified in docs/accelerator.md.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

if __package__:
    from .packing import BLOCK, Stream
else:
    from packing import BLOCK, Stream

SCHEMA = 1
FORMATS = (1, 2)
MOST_BYTES = 2**29


def softmax(x: np.ndarray, sizes: np.ndarray = None) -> np.ndarray:
    """float32 [N, n], over all n, or along the middle axis of [before, along, after] = sizes."""
    grouped = x.reshape(len(x), *((1, x.shape[1], 1) if sizes is None else sizes.astype(int)))
    powers = np.exp(grouped - grouped.max(axis=2, keepdims=True))
    return (powers / powers.sum(axis=2, keepdims=True)).reshape(x.shape)


def log_softmax(x: np.ndarray, sizes: np.ndarray = None) -> np.ndarray:
    """float32 [N, n], the logarithm of softmax."""
    grouped = x.reshape(len(x), *((1, x.shape[1], 1) if sizes is None else sizes.astype(int)))
    below = grouped - grouped.max(axis=2, keepdims=True)
    return (below - np.log(np.exp(below).sum(axis=2, keepdims=True))).reshape(x.shape)


def count(x: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """float32 [N, n]: how many of a feature's thresholds, [n, steps] ascending, each value reaches."""
    reached = [np.searchsorted(row, column, side="right") for row, column in zip(thresholds, x.T)]
    return np.stack(reached, axis=1).astype(np.float32)


OPERATIONS = {
    "add": lambda x, value: x + value,
    "sub": lambda x, value: x - value,
    "mul": lambda x, value: x * value,
    "div": lambda x, value: x / value,
    "clip": lambda x, value: np.clip(x, value[0], value[1]),
    "max": lambda x, value: np.maximum(x, value),
    "min": lambda x, value: np.minimum(x, value),
    "mod": lambda x, value: np.fmod(x, value),
    "batch_norm": lambda x, value: x * value[0] + (value[2] - value[1]),
    "round": lambda x, _: np.rint(x),
    "floor": lambda x, _: np.floor(x),
    "ceil": lambda x, _: np.ceil(x),
    "trunc": lambda x, _: np.trunc(x),
    "relu": lambda x, _: np.maximum(x, np.float32(0)),
    "softmax": lambda x, value: softmax(x, value),
    "log_softmax": lambda x, value: log_softmax(x, value),
    "sigmoid": lambda x, _: np.float32(1) / (np.float32(1) + np.exp(-x)),
    "tanh": lambda x, _: np.tanh(x),
    "leaky_relu": lambda x, value: np.where(x < 0, x * value, x),
    "elu": lambda x, value: np.where(x < 0, value * np.expm1(np.minimum(x, 0)), x),
    "softplus": lambda x, _: np.logaddexp(x, np.zeros_like(x)),
    "take": lambda x, value: x[:, value.astype(np.int64)],
    "count": lambda x, value: count(x, value),
    "argmax": lambda x, _: x.argmax(1)[:, None].astype(np.float32),
}


class PackageError(ValueError):
    """A package that is incomplete, damaged, or of another version."""


@dataclass(frozen=True)
class Network:
    """What the host must know of one accelerator. `sha256` is its identity; the fabric carries the first 64 bits."""

    name: str
    sha256: str
    features: int
    input_index: np.ndarray
    host_input: tuple
    host_output: tuple
    input_stream: Stream
    output_stream: Stream
    input_range: np.ndarray | None = None

    @classmethod
    def load(cls, folder: Path | str) -> Network:
        """Read and check a package. PackageError says what is missing, altered, or of another version."""
        folder = Path(folder)
        try:
            return cls._read(folder)
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise PackageError(f"{folder} is damaged ({type(error).__name__}: {error}); copy or build it again") from error

    @classmethod
    def _read(cls, folder: Path) -> Network:
        manifest = read_manifest(folder)
        description = read_json(folder / "accelerator.json")
        if description.get("format") not in FORMATS:
            raise PackageError(f"{folder}/accelerator.json has format {description.get('format')}, this driver reads {FORMATS}")
        if description["sha256"] != manifest["accelerator_sha256"]:
            raise PackageError(f"{folder}: package.json and accelerator.json are of different networks; build the package again")
        arrays = read_arrays(folder / "accelerator.npz")
        for entry in description["host_input"] + description["host_output"]:
            if entry["op"] not in OPERATIONS:
                raise PackageError(f"{folder}/accelerator.json: this driver has no host operation '{entry['op']}'")
        return cls(
            name=description["name"],
            sha256=description["sha256"],
            features=description["features"],
            input_index=arrays["input_index"],
            host_input=tuple((e["op"], arrays.get(e.get("value"))) for e in description["host_input"]),
            host_output=tuple((e["op"], arrays.get(e.get("value"))) for e in description["host_output"]),
            input_stream=Stream(**description["input_stream"]),
            output_stream=Stream(**description["output_stream"]),
            input_range=arrays.get("input_range"),
        )

    @property
    def id(self) -> int:
        """What the fabric's id register must say: the first 64 bits of the sha256."""
        return int(self.sha256[:16], 16)

    def check(self, x: np.ndarray) -> np.ndarray:
        """`x` as float32 [N, features]; ValueError for another shape, for what is no number, and for NaN."""
        x = np.asarray(x)
        if x.dtype.kind not in "fiub":
            raise ValueError(f"{self.name}: inputs of type {x.dtype} are not numbers")
        if x.ndim != 2 or x.shape[1] != self.features:
            raise ValueError(f"{self.name}: inputs of shape {x.shape} are not [N, {self.features}]")
        x = x.astype(np.float32, copy=False)
        if np.isnan(x).any():
            row, column = np.argwhere(np.isnan(x))[0]
            raise ValueError(f"{self.name}: sample {row}, feature {column} is NaN")
        return x

    def quantise(self, x: np.ndarray) -> np.ndarray:
        """float32 [N, features] -> the accelerator's integers, as float32 [N, elements] (whole numbers)."""
        x = run_host_ops(self.host_input, self.check(x))
        return self._select(x)

    def _select(self, x: np.ndarray) -> np.ndarray:
        whole = len(self.input_index) == x.shape[1] and np.array_equal(self.input_index, np.arange(x.shape[1]))
        return x if whole else x[:, self.input_index]

    def encode(self, x: np.ndarray, dma_bytes: int = 8, out: np.ndarray | None = None) -> np.ndarray:
        """float32 [N, features] -> uint8 [N, frame_bytes]: quantised and packed, block by block, into `out` where given."""
        x = self.check(x)
        if out is None:
            out = np.empty((len(x), self.input_stream.frame_bytes(dma_bytes)), np.uint8)
        rows = max(1, BLOCK // self.features)
        for start in range(0, len(x), rows):
            block = self._select(run_host_ops(self.host_input, x[start : start + rows]))
            self._check_ranges(block)
            self.input_stream.pack(block, dma_bytes, out[start : start + rows])
        return out

    def _check_ranges(self, block: np.ndarray) -> None:
        """ValueError for whole numbers [N, elements] that an input cannot be: the hardware has no bits for them."""
        if self.input_range is None:
            return
        low, high = self.input_range
        outside = np.argwhere((block < low) | (block > high))
        if len(outside):
            row, i = outside[0]
            raise ValueError(f"{self.name}: input {i} takes {low[i]}..{high[i]}, not {block[row, i]:g}")

    def dequantise(self, y: np.ndarray) -> np.ndarray:
        """The accelerator's integers [N, MH] -> float32 model outputs."""
        return run_host_ops(self.host_output, np.asarray(y).astype(np.float32))


def run_host_ops(ops: tuple, x: np.ndarray) -> np.ndarray:
    """float32 [N, n] -> float32 [N, n]; the same operations in the same order as the model's own."""
    for op, value in ops:
        x = OPERATIONS[op](x, value)
    return x


def read_json(path: Path) -> dict:
    """A JSON object in a file; PackageError where it is missing or damaged."""
    try:
        content = json.loads(read_bytes(path))
    except FileNotFoundError:
        raise PackageError(f"{path} is missing; copy the whole folder that the build made") from None
    except (ValueError, RecursionError) as error:
        raise PackageError(f"{path} is damaged: {error}") from None
    if not isinstance(content, dict):
        raise PackageError(f"{path} is damaged: it holds no JSON object")
    return content


def read_bytes(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise PackageError(f"{path} is {path.stat().st_size:,} bytes long; a package's files have up to {MOST_BYTES:,}")
    return path.read_bytes()


def read_arrays(path: Path) -> dict:
    """Every array of an npz file, none of which is unpickled; PackageError where it is damaged or would take too much memory."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > MOST_BYTES:
            raise PackageError(f"{path} is {size:,} bytes unpacked; a package's files have up to {MOST_BYTES:,}")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        if any(array.size > array.nbytes for array in arrays.values()):
            raise PackageError(f"{path} is damaged: an array's values take no bytes")
        return arrays
    except PackageError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise what they like for damaged files
        raise PackageError(f"{path} is damaged: {error}") from error


def read_manifest(folder: Path) -> dict:
    """package.json, after comparing every file that it names with its sha256."""
    manifest = read_json(folder / "package.json")
    if manifest.get("schema") != SCHEMA:
        raise PackageError(f"{folder}/package.json has schema {manifest.get('schema')}, this driver reads {SCHEMA}")
    check_files(folder, manifest["files"])
    return manifest


def check_files(folder: Path, files: dict) -> None:
    """PackageError unless every file in {name: sha256} is there, unaltered."""
    for name, expected in files.items():
        if Path(name).name != name:
            raise PackageError(f"{folder}/package.json names {name}, which is no file of a package")
        if not (folder / name).is_file():
            raise PackageError(f"{folder / name} is missing; copy the whole folder that the build made")
        if hashlib.sha256(read_bytes(folder / name)).hexdigest() != expected:
            raise PackageError(f"{folder / name} was altered (its sha256 is not the recorded one); copy or build it again")


def load_vectors(folder: Path | str) -> dict:
    """The test vectors: x float32 [N, features], integers int64 [N, MH], outputs float32, as onnxruntime answered."""
    stored = read_arrays(Path(folder) / "vectors.npz")
    return {key: stored[key] for key in ("x", "integers", "outputs")}
