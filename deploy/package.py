"""Assemble what goes to the board: driver/, deploy/{driver,rtl,shell,bitfile} of a build."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from deploy.network import Network
from deploy.shell.settings import write_shell

SOURCE = Path(__file__).resolve().parent
BOARD_FILES = (
    "driver.py",
    "network.py",
    "packing.py",
    "bitfile.py",
    "fabric.py",
    "predict.py",
    "measure.py",
    "power.py",
    "plot.py",
    "notebook.ipynb",
)
ACCELERATOR_FILES = ("accelerator.json", "accelerator.npz")


def package(
    build_folder: Path | str,
    accelerator_folder: Path | str,
    rtl_folder: Path | str,
    x: np.ndarray,
    expected_integers: np.ndarray,
    expected_outputs: np.ndarray,
    destination: Path | str | None = None,
    clock_mhz: float = 100.0,
) -> Path:
    """Write `build_folder`/driver and `destination` (default `build_folder`/deploy), each replaced as a whole; return the latter.
    A core where nothing waits (interface valid) has no shell/: the board's DMA does.

    accelerator_folder  has accelerator.json and accelerator.npz
    rtl_folder          has finn_accel.sv, filelist.f and all that it names
    x                   float32 [N, features], the test vectors; what onnxruntime and the integers answer to them:
    expected_integers   int64 [N, MH]
    expected_outputs    float32 [N, ...]
    clock_mhz           what the shell's settings for Vivado ask for, where the board gives it
    """
    build_folder, accelerator_folder, rtl_folder = Path(build_folder), Path(accelerator_folder), Path(rtl_folder)
    destination = Path(destination) if destination is not None else build_folder / "deploy"
    for needed in [accelerator_folder / name for name in ACCELERATOR_FILES] + [rtl_folder / "filelist.f"]:
        if not needed.is_file():
            raise FileNotFoundError(f"package: {needed} is missing; run the build's earlier steps first")
    if not len(x) == len(expected_integers) == len(expected_outputs):
        raise ValueError(f"package: {len(x)} vectors, {len(expected_integers)} integers and {len(expected_outputs)} outputs")
    with tempfile.TemporaryDirectory(dir=build_folder, prefix=".package.") as temporary:
        driver, deploy = Path(temporary) / "driver", Path(temporary) / "deploy"
        write_driver(driver, accelerator_folder, x, expected_integers, expected_outputs)
        shutil.copytree(driver, deploy / "driver")
        shutil.copytree(rtl_folder, deploy / "rtl")
        if json.loads((driver / "accelerator.json").read_text()).get("interface", "stream") == "stream":
            write_shell(deploy / "shell", Network.load(driver), deploy / "rtl", clock_mhz)
        copy_bitfile(build_folder / "bitfile", driver, deploy / "bitfile")
        replace_folder(driver, build_folder / "driver")
        replace_folder(deploy, destination)
    return destination


def write_driver(folder: Path, accelerator_folder: Path, x: np.ndarray, integers: np.ndarray, outputs: np.ndarray) -> None:
    """The driver's files byte for byte, the accelerator's two, the vectors, and package.json that names them all."""
    folder.mkdir(parents=True)
    for name in BOARD_FILES:
        shutil.copyfile(SOURCE / name, folder / name)
    for name in ACCELERATOR_FILES:
        shutil.copyfile(accelerator_folder / name, folder / name)
    np.savez_compressed(
        folder / "vectors.npz",
        x=np.asarray(x, np.float32),
        integers=np.asarray(integers, np.int64),
        outputs=np.asarray(outputs, np.float32),
    )
    description = json.loads((folder / "accelerator.json").read_text())
    manifest = {
        "schema": 1,
        "name": description["name"],
        "accelerator_sha256": description["sha256"],
        "files": {path.name: sha256(path) for path in sorted(folder.iterdir())},
    }
    (folder / "package.json").write_text(json.dumps(manifest, indent=2) + "\n")


def copy_bitfile(source: Path, driver: Path, destination: Path) -> None:
    """Take along an earlier bitstream while it is still this network's."""
    about = source / "bitstream.json"
    identity = json.loads((driver / "package.json").read_text())["accelerator_sha256"]
    if about.is_file() and json.loads(about.read_text()).get("accelerator_sha256") == identity:
        shutil.copytree(source, destination)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def replace_folder(made: Path, place: Path) -> None:
    """Put the folder `made` at `place`. The earlier folder is moved away first and comes back if that fails."""
    earlier = None
    if place.exists():
        earlier = made.with_name(f"{made.name}.earlier")
        os.replace(place, earlier)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(made, place)
    except OSError:
        if earlier is not None:
            os.replace(earlier, place)
        raise
