"""Keras files of HGQ2's layers, changed: the archive, the description, the weights. Needs requirements/hgq2.txt."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.fuzz.hostile.arrays import zipped
from tests.fuzz.hostile.case import Case, Dice, damaged, mutated
from tests.fuzz.hostile.onnx_tensors import HUGE, OUTSIDE, surroundings
from tests.fuzz.hostile.texts import _places, changed, json_text

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
GOOD = ({}, {"overflow": "SAT", "rounding": "TRN"}, {"overflow": "SAT_SYM", "last": "softmax"}, {"widths": (4, 3, 2), "activation": None})


@lru_cache(maxsize=len(GOOD))
def good(number: int) -> dict[str, bytes]:
    """The entries of a Keras file."""
    from tests.finn_steps.hgq2.test_keras import random_net

    with tempfile.TemporaryDirectory() as folder:
        random_net(seed=number, **GOOD[number]).save(Path(folder) / "net.keras")
        with zipfile.ZipFile(Path(folder) / "net.keras") as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def keras_case(seed: int, folder: Path) -> Case:
    dice = Dice(seed, 16)
    number = dice.below(len(GOOD))
    surroundings(folder)
    entries = dict(good(number))
    how = dice.pick(("config",) * 4 + ("layers",) * 3 + ("weights",) * 4 + ("archive", "bytes", "text", "damage"))
    if how == "config":
        made, told = changed(dice, json.loads(entries[CONFIG]))
        entries[CONFIG] = json.dumps(made, default=str).encode()
    elif how == "layers":
        made, told = mutated(dice, json.loads(entries[CONFIG]), LAYERS)
        entries[CONFIG] = json.dumps(made, default=str).encode()
    elif how == "weights":
        entries[WEIGHTS], told = weights(dice, entries[WEIGHTS], folder)
    elif how == "text":
        entries[CONFIG], told = json_text(dice, json.loads(entries[CONFIG]))
    elif how == "damage":
        name = dice.pick(entries)
        entries[name], told = damaged(dice, entries[name])
    elif how == "archive":
        entries, told = archive(dice, entries)
    data = zipped(entries)
    if how == "bytes":
        data, told = damaged(dice, data)
    path = folder / "model.keras"
    path.write_bytes(data)
    return Case("keras", path, f"network {number}: {how}: {told}")


def archive(dice: Dice, entries: dict[str, bytes]) -> tuple[dict[str, bytes], str]:
    how = dice.pick(("fewer", "more", "outside", "bomb"))
    if how == "fewer":
        del entries[dice.pick(entries)]
    elif how == "bomb":
        entries[dice.pick(entries)] = bytes(2**28)
    else:
        entries[dice.pick(("../outside.txt", "/outside.txt", "model.weights.h5x") if how == "outside" else ("assets/a.txt", "more"))] = b"text"
    return entries, how


def fields(config: dict) -> list[dict]:
    """What the layers are configured with."""
    return [layer["config"] for layer in config["config"]["layers"]]


def units(dice, config):
    dice.pick([f for f in fields(config) if "units" in f] or fields(config))["units"] = dice.pick((0, -1, 1, 7, 2.5, "3", *HUGE))


def shape(dice, config):
    first = fields(config)[0]
    first["batch_shape"] = dice.pick(([None], [], [None, 4, 4], [None, dice.pick(HUGE)], [3, 8], [None, None], None, [None, 0], [None, 9]))


def kind(dice, config):
    names = ("Lambda", "Dense", "QDense", "QDenseT", "Dropout", "Conv1D", "Functional", "TFSMLayer", "Embedding", "nobody", "", "QBatchNormalization", "Quantizer")
    dice.pick(config["config"]["layers"])["class_name"] = dice.pick(names)


def module(dice, config):
    holders = [holder for holder, key in _places(config) if key == "module"]
    dice.pick(holders)["module"] = dice.pick(("os", "keras.src.utils", "nowhere", "keras", "hgq.layers", "builtins", "", None, dice.text()))


def quantiser(dice, config):
    """Bits, modes and axes of a quantiser's description."""
    places = [(holder, key) for holder, key in _places(config) if key in
              ("k0", "i0", "f0", "b0", "round_mode", "overflow_mode", "homogeneous_axis", "q_type", "place", "scaler", "affine", "value")]
    holder, key = dice.pick(places)
    holder[key] = dice.pick((dice.number(), "S_RND", "RND_CONV", "WRAP_SM", "SAT", "float", [0, 1], [], [-1], None, True, {"a": 1}))


def activation(dice, config):
    dice.pick(fields(config))["activation"] = dice.pick(("relu", "relu6", "sigmoid", "softmax", "nobody", None, dice.text(), 3, {"class_name": "function"}))


def order(dice, config):
    layers = config["config"]["layers"]
    layers.insert(dice.below(len(layers)), dice.pick(layers)) if dice.chance(0.5) else layers.reverse()


def nodes(dice, config):
    """Who reads whom."""
    holders = [holder for holder, key in _places(config) if key == "keras_history"]
    if holders:
        dice.pick(holders)["keras_history"] = dice.pick((["dense1", 0, 0], ["dense0", 0, 0], ["nobody", 0, 0], [], ["input_layer", 9, 9], 3))


def many(dice, config):
    config["config"]["layers"] *= dice.pick((2, 50, 5000))


LAYERS = {f.__name__: f for f in (units, shape, kind, module, quantiser, quantiser, activation, order, nodes, many)}


def weights(dice: Dice, content: bytes, folder: Path) -> tuple[bytes, str]:
    """One array of the HDF5 file replaced, taken away, or told to lie elsewhere."""
    import h5py

    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, entry: names.append(name) if isinstance(entry, h5py.Dataset) else None)
        name = dice.pick(names)
        array, how = file[name][()], dice.pick(("value", "value", "value", "shape", "kind", "remove", "external", "link", "soft", "virtual", "huge", "group"))
        del file[name]
        if how == "value":
            made = np.array(array, copy=True)
            nasty = dice.pick((0, -1, 1, 100, 1e30, 1e-30, 0.3, np.nan, np.inf, -np.inf) if made.dtype.kind == "f" else (0, -1, 1, 100))
            made[...] = np.where(np.arange(made.size).reshape(made.shape) == dice.below(made.size), nasty, made) if dice.chance(0.5) else nasty
            file[name] = made
        elif how == "shape":
            file[name] = dice.pick((array.T, array.reshape(-1), array[..., None], np.zeros((0,)), np.zeros(3), np.float32(1)))
        elif how == "kind":
            file[name] = dice.pick((array.astype(np.float64), array.astype(np.int8), array.astype("S5"), array.astype(complex), array.astype("i4,f8")))
        elif how == "external":
            target = dice.pick((folder.parent / OUTSIDE, "/etc/hostname", "data.bin", "/dev/zero"))
            file.create_dataset(name, array.shape, "u1", external=[(str(target), 0, array.size)])
        elif how in ("link", "soft"):
            file[name] = h5py.ExternalLink(str(folder.parent / OUTSIDE), "/x") if how == "link" else h5py.SoftLink(dice.pick(("/", "/nowhere", f"/{name}")))
        elif how == "virtual":
            layout = h5py.VirtualLayout(array.shape or (1,), "f4")
            layout[...] = h5py.VirtualSource(str(folder.parent / OUTSIDE), "x", array.shape or (1,))
            file.create_virtual_dataset(name, layout)
        elif how == "huge":
            file.create_dataset(name, (dice.pick(HUGE),), "f4", chunks=(1024,))
        elif how == "group":
            file.create_group(name)
    return stream.getvalue(), f"{how} of {name}"
