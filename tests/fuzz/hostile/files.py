"""One hostile file of every kind, by its seed."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from build_dataflow.configuration import ROOT
from finn_steps.folding.streams import save_accelerator
from tests.fuzz.hostile.arrays import csv_bytes, npz_bytes, parquet_bytes
from tests.fuzz.hostile.case import Case, Dice, damaged
from tests.fuzz.hostile.keras_files import keras_case
from tests.fuzz.hostile.onnx_files import good, onnx_case
from tests.fuzz.hostile.texts import changed, json_text, yaml_text

KINDS = ("onnx", "folding", "table", "train", "study", "build", "accelerator", "package")
OPTIONAL = ("keras",)
"""Only where it is asked for: needs requirements/hgq2.txt."""
SHARES = {"onnx": 0.4, "table": 0.15, "accelerator": 0.1, "package": 0.07, "folding": 0.07, "train": 0.07, "study": 0.07, "build": 0.07}


def kind_of(seed: int) -> str:
    """By the shares, so that any run of seeds has them."""
    return Dice(seed, 1).rng.choice(list(SHARES), p=list(SHARES.values()))


def case(seed: int, folder: Path, kind: str | None = None) -> Case:
    """Written into `folder`, which is empty."""
    kind = kind or kind_of(seed)
    makers = {"onnx": onnx_case, "folding": folding_case, "table": table_case, "train": yaml_case, "study": yaml_case, "build": yaml_case,
              "accelerator": accelerator_case, "package": package_case, "keras": keras_case}
    made = makers[kind](seed, folder) if kind not in ("train", "study", "build") else yaml_case(seed, folder, kind)
    return Case(str(kind), made.path, made.told)


def write(path: Path, data: bytes, told: str) -> Case:
    path.write_bytes(data)
    return Case("", path, told)


def folding_case(seed: int, folder: Path) -> Case:
    dice = Dice(seed, 11)
    ours = {f"layer{i}": {"style": "folded", "PE": 2, "SIMD": 2, "digits": 1, "registers_every": 1, "max_cycles": 0, "products": "lut"} for i in (0, 1)}
    finn = {"Defaults": {}, "MVAU_rtl_0": {"PE": 2, "SIMD": 2, "mem_mode": "internal"}, "MVAU_rtl_1": {"PE": 1, "SIMD": 1}}
    return write(folder / "folding.json", *json_text(dice, dice.pick((ours, finn))))


@lru_cache(maxsize=1)
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({**{f"x{i}": rng.normal(0, 1, 60).round(3) for i in range(4)}, "class": np.tile(["a", "b", "c"], 20)})


def table_case(seed: int, folder: Path) -> Case:
    dice = Dice(seed, 12)
    suffix = dice.pick(("csv", "csv", "npz", "npz", "parquet"))
    if suffix == "csv":
        return write(folder / "table.csv", *csv_bytes(dice, frame()))
    if suffix == "parquet":
        return write(folder / "table.parquet", *parquet_bytes(dice, frame()))
    arrays = {"X": frame().to_numpy()[:, :4].astype(np.float32), "y": np.tile(np.arange(3), 20), "classes": np.array(["a", "b", "c"]),
              "features": np.array(["p", "q", "r", "s"]), "split_seed": np.array(3)}
    return write(folder / "table.npz", *npz_bytes(dice, arrays))


@lru_cache(maxsize=3)
def good_yaml(kind: str) -> dict:
    places = {"train": "models/jet_qap/train.yaml", "study": "models/studies/qap.yaml", "build": "build_dataflow/jet_dpp/build.yaml"}
    return yaml.safe_load((ROOT / places[kind]).read_text())


def yaml_case(seed: int, folder: Path, kind: str) -> Case:
    dice = Dice(seed, 13)
    description = dict(good_yaml(kind))
    if kind == "study" and dice.chance(0.6):
        description |= {"grid": {"weight_bits": [4, 6], "seed": [1, 2, 3]}, "search": {"trials": 3, "hidden": [[2, 4], [2, 4]], "bops": [1e5]}}
    if kind == "build":
        (folder / "model.onnx").write_bytes(good(1))
        description = {"model": "model.onnx", "name": "mine", "target_ii": 4, "clock_ns": 5.0, "part": "xc7z020clg400-1", "data": "x.csv", "samples": 10}
    return write(folder / f"{kind}.yaml", *yaml_text(dice, description))


@lru_cache(maxsize=1)
def good_accelerator() -> dict[str, bytes]:
    """The files of the shipped jet tagger's accelerator, imported here."""
    import tempfile

    from finn_steps.importer.lower import import_model

    with tempfile.TemporaryDirectory() as place:
        save_accelerator(import_model(ROOT / "models" / "jet_qap" / "model.onnx").accelerator, place)
        return {name: (Path(place) / name).read_bytes() for name in ("accelerator.json", "accelerator.npz")}


def accelerator_case(seed: int, folder: Path) -> Case:
    """The description or the arrays changed; or both, and the sha256 made to fit, as someone would who means it."""
    dice, files = Dice(seed, 14), good_accelerator()
    how = dice.pick(("json", "npz", "fitting", "fitting", "bytes"))
    told = how
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with np.load(folder / "accelerator.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    description = json.loads(files["accelerator.json"])
    if how in ("json", "fitting"):
        description, told = changed(dice, description)
        (folder / "accelerator.json").write_text(json.dumps(description, default=str))
    if how in ("npz", "fitting"):
        (folder / "accelerator.npz").write_bytes(npz_bytes(dice, arrays)[0])
    if how == "bytes":
        name = dice.pick(files)
        (folder / name).write_bytes(damaged(dice, files[name])[0])
    return Case("", folder, f"{how}: {told}")


def package_case(seed: int, folder: Path) -> Case:
    """A driver's folder whose manifest is changed; or its accelerator, and the manifest made to fit."""
    dice = Dice(seed, 15)
    made = accelerator_case(seed, folder) if dice.chance(0.5) else None
    if made is None:
        for name, content in good_accelerator().items():
            (folder / name).write_bytes(content)
    manifest = {"schema": 1, "name": "jet_qap", "accelerator_sha256": json.loads(good_accelerator()["accelerator.json"])["sha256"],
                "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}}
    if made is None:
        data, told = json_text(dice, manifest)
    else:
        data, told = json.dumps(manifest).encode(), made.told
    (folder / "package.json").write_bytes(data)
    return Case("", folder, told)
