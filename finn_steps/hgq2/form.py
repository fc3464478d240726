"""Whether a Keras file has the form and the size of a network that can be built, told before Keras makes anything of it."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path

from finn_steps.importer.sizes import MOST_BYTES, MOST_VALUES, check_bytes

PARTS = ("metadata.json", "config.json", "model.weights.h5")
PASSED_OVER = ("InputLayer", "Dropout", "GaussianNoise", "GaussianDropout", "ActivityRegularization", "Identity")
BUILT = ("QDense", "QBatchNormDense", "QBatchNormalization", "Quantizer", "ReLU", "Activation")
"""Kinds of layers, which are all that may be read."""
MODELS, LIBRARIES = ("Functional", "Sequential"), ("keras", "hgq", "builtins")
MOST_LAYERS, MOST_WIDTH, MOST_DEPTH, MOST_ENTRIES = 200, 65_536, 40, 200_000
NUMBERS_OF_NO_SIZE = ("shared_object_id", "seed")
MOST_OBJECTS = 10_000
"""In the HDF5 file of the weights."""


def check_form(path: Path) -> None:
    """ValueError, naming the file and what is wrong, for an archive, a description or weights that are damaged, too large, or of things
    that are not built."""
    check_bytes(str(path), path.stat().st_size)
    try:
        config, weights = _parts(path)
        _check_description(config)
        _check_weights(weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _parts(path: Path) -> tuple[dict, bytes]:
    """The description and the weights' bytes, neither larger than they may be."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            if names != sorted(PARTS):
                raise ValueError(f"a Keras file holds {', '.join(PARTS)}; this archive holds {', '.join(names[:5]) or 'nothing'}")
            sizes = sum(entry.file_size for entry in archive.infolist())
            if sizes > MOST_BYTES:
                raise ValueError(f"{sizes / 2**20:,.0f} MB unpacked; supported: up to {MOST_BYTES / 2**20:,.0f} MB")
            metadata, config, weights = (_read(archive, name) for name in PARTS)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"it is no Keras file, or damaged ({error}); save it again with model.save") from error
    _json("metadata.json", metadata)
    return _json("config.json", config), weights


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """At most what the archive says; zlib.error is told as a damaged archive."""
    try:
        with archive.open(name) as entry:
            content = entry.read(MOST_BYTES + 1)
    except zlib.error as error:
        raise zipfile.BadZipFile(str(error)) from error
    if len(content) > MOST_BYTES:
        raise zipfile.BadZipFile(f"{name} is larger than the archive says")
    return content


def _json(name: str, content: bytes) -> dict:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no object of JSON")
    return found


def _check_description(config: dict) -> None:
    """Layers of known kinds, few enough and small enough; classes of Keras and HGQ2 only; no number beyond what a size can be."""
    _check_values({key: value for key, value in config.items() if key != "compile_config"})  # which nobody reads
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    if config.get("class_name") not in MODELS or not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ValueError(f"it describes no model of layers; supported: {' and '.join(MODELS)} models")
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"{len(layers):,} layers; supported: up to {MOST_LAYERS}")
    for layer in layers:
        if layer.get("class_name") not in PASSED_OVER + BUILT:
            raise ValueError(f"layer {_inside(layer, 'config').get('name')} ({layer.get('class_name')}) is not supported; supported: "
                             f"{', '.join(BUILT + PASSED_OVER[1:])}")
    if (numbers := _weights(layers)) > MOST_VALUES:
        raise ValueError(f"{numbers:,} weights; supported: up to {MOST_VALUES:,}")


def _weights(layers: list[dict]) -> int:
    """At most so many does Keras make for them."""
    width = numbers = 0
    for layer in layers:
        fields, before = _inside(layer, "config"), width
        width = _whole(fields.get("units")) or _last(fields.get("batch_shape")) or width
        numbers += max(before, _last(_inside(layer, "build_config").get("input_shape")), 1) * max(width, 1)
    return numbers


def _inside(layer: dict, key: str) -> dict:
    return layer[key] if isinstance(layer.get(key), dict) else {}


def _whole(value) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _last(shape) -> int:
    return max((_whole(size) for size in shape), default=0) if isinstance(shape, list) else 0


def _check_values(config: dict) -> None:
    pending, count = [(config, 0, "")], 0
    while pending:
        value, depth, key = pending.pop()
        count += 1
        if depth > MOST_DEPTH or count > MOST_ENTRIES:
            raise ValueError(f"config.json has more than {MOST_ENTRIES:,} entries, or {MOST_DEPTH} levels; supported: up to as many")
        if isinstance(value, dict):
            module = value.get("module")
            if module is not None and (not isinstance(module, str) or module.split(".")[0] not in LIBRARIES):
                raise ValueError(f"a {value.get('class_name')} out of {module}; supported: Keras' and HGQ2's own")
            pending += [(inner, depth + 1, name) for name, inner in value.items()]
        elif isinstance(value, list):
            pending += [(inner, depth + 1, key) for inner in value]
        elif abs(_whole(value)) > MOST_WIDTH and key not in NUMBERS_OF_NO_SIZE:
            raise ValueError(f"{key} is {value}; supported: up to {MOST_WIDTH:,}")


def _check_weights(content: bytes) -> None:
    """Plain arrays in groups, all of them inside of the file."""
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            _check_group(file)
    except ValueError:
        raise
    except Exception as error:  # what HDF5 raises for damaged files has no common class
        raise ValueError(f"model.weights.h5 is damaged ({error}); save it again with model.save") from error


def _check_group(file) -> None:
    import h5py

    pending, count, numbers = [file], 0, 0
    while pending:
        group = pending.pop()
        for name in group:
            count += 1
            if count > MOST_OBJECTS:
                raise ValueError(f"model.weights.h5 has more than {MOST_OBJECTS:,} entries; supported: up to as many")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"model.weights.h5: {name} is a link; supported: arrays in the file itself")
            entry = group[name]
            if isinstance(entry, h5py.Group):
                pending.append(entry)
                continue
            if not isinstance(entry, h5py.Dataset) or entry.external or entry.is_virtual:
                raise ValueError(f"model.weights.h5: {name} is no array of the file itself")
            numbers += entry.size or 0
            if numbers > MOST_VALUES:
                raise ValueError(f"model.weights.h5 has more than {MOST_VALUES:,} numbers; supported: up to as many")
