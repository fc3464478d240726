"""The networks of the comparison, by name. What is built is what a build would build: simplified."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.lower import import_model
from tests.nets import JET_WIDTHS, random_accelerator

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "models"
TRAINED = ("jet_qap", "jet_dpp")
FINN = {"UNSW-NB15 w2a2": "unsw_nb15-mlp-w2a2", "TFC_2W2A": "TFC_2W2A"}
LARGE = {"784-256-256-10": (784, 256, 256, 10), "600-512-512-2": (600, 512, 512, 2)}
SEED = 0


def random_name(bits: int, zeros: int, scales: str) -> str:
    return f"{bits} bit, {zeros} % zeros, {scales}"


def makers() -> dict[str, Callable[[], Accelerator]]:
    """Name -> a function that makes the network as it was given. Files that are not there are left out."""
    made: dict[str, Callable[[], Accelerator]] = {}
    for name in TRAINED:
        made[name] = lambda name=name: import_model(ROOT / "models" / name / "model.onnx", name).accelerator
    for bits in (4, 6):
        for zeros in (50, 75, 90, 95):
            for scales in ("pow2", "float"):
                made[random_name(bits, zeros, scales)] = lambda b=bits, z=zeros, s=scales: random_accelerator(
                    JET_WIDTHS, weight_bits=b, zeros=z / 100, scales=s, seed=SEED)
    for name, stem in FINN.items():
        if (SHARED / f"{stem}.onnx").is_file():
            made[name] = lambda stem=stem: import_model(SHARED / f"{stem}.onnx", stem).accelerator
    for name, widths in LARGE.items():
        made[name] = lambda widths=widths: random_accelerator(widths, zeros=0.9, seed=SEED)
    return made


@lru_cache(maxsize=None)
def network(name: str) -> tuple[Accelerator, Accelerator]:
    """(as it was given, simplified)."""
    plain = makers()[name]()
    return plain, simplify(plain).accelerator
