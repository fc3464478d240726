"""Packages for the tests of deploy/: of a small network with its own RTL, and of an accelerator of any stream shape."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from deploy.network import Network
from deploy.package import package
from finn_steps.accelerator import Folding
from finn_steps.folding.streams import save_accelerator
from finn_steps.rtl.generate import generate
from finn_steps.tools.cache import cache_folder
from tests.nets import inputs_in_range, random_accelerator, with_ranges

CACHE = cache_folder("simulated_board")


def network_package(folder: Path, widths=(16, 12, 5), seed=3, samples=300, folding: Folding | None = None,
                    ranges: bool = False):
    """A random network (each layer with `folding`), its generated RTL and its package in `folder`; (accelerator, x, integers). With
    `ranges` its inputs, whole numbers already, have ranges of their own."""
    accelerator = random_accelerator(widths, seed=seed)
    if ranges:
        accelerator = replace(with_ranges(accelerator, seed), host_input=())
    if folding:
        accelerator = accelerator.with_foldings({layer.name: folding for layer in accelerator.layers})
    save_accelerator(accelerator, folder)
    generate(accelerator, folder / "rtl")
    x = np.random.default_rng(seed).normal(0, 2, (samples, accelerator.features)).astype(np.float32)
    x = inputs_in_range(accelerator, samples, seed).astype(np.float32) if ranges else x
    integers = accelerator.execute(accelerator.quantise(x))
    package(folder, folder, folder / "rtl", x, integers, accelerator.dequantise(integers))
    return accelerator, x, integers


def hash_package(folder: Path, in_bytes=1, in_beats=1, out_bytes=1, out_beats=1) -> Network:
    """A package whose RTL is hash_accelerator.sv with frames of that many beats of that many bytes."""
    save_accelerator(random_accelerator((4, 3), seed=0), folder)
    description = json.loads((folder / "accelerator.json").read_text())
    for key, size, beats in (("input_stream", in_bytes, in_beats), ("output_stream", out_bytes, out_beats)):
        description[key] = {"elements": size * beats, "bits": 8, "signed": False, "lanes": size, "bipolar": False}
    (folder / "accelerator.json").write_text(json.dumps(description))
    text = Path(__file__).with_name("hash_accelerator.sv").read_text()
    for name, value in (("IN_DATA", in_bytes), ("IN_BEATS", in_beats), ("OUT_DATA", out_bytes), ("OUT_BEATS", out_beats)):
        text = text.replace(f"parameter int unsigned {name} = 1", f"parameter int unsigned {name} = {value}")
    (folder / "rtl").mkdir()
    (folder / "rtl" / "finn_accel.sv").write_text(text)
    (folder / "rtl" / "filelist.f").write_text("finn_accel.sv\n")
    nothing = np.zeros((1, 4))
    package(folder, folder, folder / "rtl", nothing, nothing, nothing)
    return Network.load(folder / "driver")


def hash_answers(frames: np.ndarray, out_elements: int) -> np.ndarray:
    """What hash_accelerator.sv answers: uint8-valued [N, in] -> int64 [N, out]."""
    return (frames.sum(1, keepdims=True) + np.arange(out_elements)) % 256
