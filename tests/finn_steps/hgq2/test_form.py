"""What is no network that can be built is told before Keras makes anything of it. Weights are looked at where h5py is installed."""

import importlib.util
import io
import json
import zipfile

import numpy as np
import pytest

from finn_steps.hgq2.form import MOST_DEPTH, PARTS, check_form

with_h5py = pytest.mark.skipif(importlib.util.find_spec("h5py") is None, reason="h5py is not installed (requirements/hgq2.txt)")


def layer(kind="QDense", module="hgq.layers", **config):
    return {"module": module, "class_name": kind, "config": {"name": "one", **config}}


def model(*layers, **more):
    return {"module": "keras", "class_name": "Functional", "config": {"layers": list(layers)}, **more}


def written(path, config, weights=b"", **more):
    entries = {"metadata.json": "{}", "config.json": config if isinstance(config, (str, bytes)) else json.dumps(config), "model.weights.h5": weights, **more}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def deep(levels):
    return model(layer(a=json.loads("[" * levels + "]" * levels)))


@pytest.mark.parametrize("config, says", [
    ("[]", "no object"), ("{", "no JSON"), ("[" * 100_000, "no JSON"), ({}, "no model of layers"), (model({}), r"layer None \(None\)"),
    (model(layer("Lambda")), r"layer one \(Lambda\) is not supported"), (model(layer(module="os")), "a QDense out of os"),
    (model(layer(activation={"module": "subprocess", "class_name": "function"})), "out of subprocess"),
    (model(layer(units=2**40)), "units is 1099511627776"), (model(layer("InputLayer", batch_shape=[None, 2**31])), "batch_shape is 2147483648"),
    (model(layer("InputLayer", batch_shape=[None, 60_000]), layer(units=60_000)), "3,.* weights"),
    (model(*[layer("ReLU")] * 201), "201 layers"), (deep(MOST_DEPTH), f"{MOST_DEPTH} levels"),
])
def test_descriptions(tmp_path, config, says):
    with pytest.raises(ValueError, match=f"net.keras: .*({says})"):
        check_form(written(tmp_path / "net.keras", config))


@pytest.mark.parametrize("more, says", [
    ({"model.weights.h5": None}, "this archive holds config.json, metadata.json"), ({"../outside": b""}, "this archive holds ../outside"),
    ({"metadata.json": b"\xff"}, "metadata.json is no JSON"), ({"model.weights.h5": bytes(2**27)}, "128 MB unpacked"),
])
def test_archives(tmp_path, more, says):
    with pytest.raises(ValueError, match=says):
        check_form(written(tmp_path / "net.keras", model(), **more))


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data.replace(b"{}", b"[]"), lambda data: data[::-1]])
def test_damaged_archives(tmp_path, damage):
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name in PARTS:
            archive.writestr(name, "{}")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="no Keras file, or damaged"):
        check_form(path)


def stored(make) -> bytes:
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        make(file, h5py)
    return stream.getvalue()


def virtual(file, h5py):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[...] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    file.create_virtual_dataset("a", layout)


@with_h5py
@pytest.mark.parametrize("make, says", [
    (lambda file, h5py: file.create_dataset("g/a", (4,), "u1", external=[("/etc/hostname", 0, 4)]), "a is no array of the file itself"), (virtual, "a is no array"),
    (lambda file, h5py: file.__setitem__("a", h5py.ExternalLink("/etc/hostname", "/x")), "a is a link"),
    (lambda file, h5py: file.__setitem__("a", h5py.SoftLink("/")), "a is a link"),
    (lambda file, h5py: file.create_dataset("a", (2**40,), "f4", chunks=(1024,)), "more than 16,777,216 numbers"),
])
def test_weights(tmp_path, make, says):
    with pytest.raises(ValueError, match=says):
        check_form(written(tmp_path / "net.keras", model(), stored(make)))


@with_h5py
def test_damaged_weights_and_good_ones(tmp_path):
    good = stored(lambda file, h5py: file.__setitem__("a/b", np.zeros(3)))
    compiled = {"optimizer": {"module": "mine.own", "class_name": "Adam", "config": {"decay_steps": 10**6}}}
    check_form(written(tmp_path / "net.keras", model(layer("InputLayer", batch_shape=[None, 3]), layer(units=2), compile_config=compiled), good))
    for bad in (b"", b"text", good[:200], good[: len(good) // 2]):
        with pytest.raises(ValueError, match="model.weights.h5 is damaged"):
            check_form(written(tmp_path / "net.keras", model(), bad))
