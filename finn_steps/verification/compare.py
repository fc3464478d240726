"""Compare the RTL with onnxruntime, integer by integer, and say where they part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from finn_steps.accelerator import Accelerator


@dataclass(frozen=True)
class Mismatch:
    """The first place where two sides differ."""

    sample: int
    layer: str
    neuron: int
    expected: int
    got: int

    def __str__(self) -> str:
        return f"sample {self.sample}, {self.layer}, neuron {self.neuron}: expected {self.expected}, got {self.got}"


def first_mismatch(expected: np.ndarray, got: np.ndarray, layer: str) -> Mismatch | None:
    """The first differing entry of two int64 [N, MH], or None."""
    if expected.shape != got.shape:
        raise ValueError(f"{layer}: {expected.shape} values expected, {got.shape} came")
    differing = np.argwhere(expected != got)
    if not len(differing):
        return None
    sample, neuron = (int(i) for i in differing[0])
    return Mismatch(sample, layer, neuron, int(expected[sample, neuron]), int(got[sample, neuron]))


def differing_samples(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """bool [N]: samples with any differing integer."""
    return np.any(expected != got, axis=1)


def prefix(accelerator: Accelerator, layers: int) -> Accelerator:
    """The accelerator cut after its first `layers` layers, whose integers it answers with."""
    return replace(accelerator, layers=accelerator.layers[:layers], host_output=(), labels=None)


def locate_in_rtl(accelerator: Accelerator, q: np.ndarray, simulate: Callable[[Accelerator, np.ndarray], np.ndarray]) -> Mismatch | None:
    """The first layer whose RTL, at the end of the chain up to it, differs from the integers; None if every chain is right.

    q         int64 [N, MW], a few failing samples
    simulate  generates, compiles and runs an accelerator's RTL: (accelerator, q) -> int64 [N, MH]
    """
    for layers in range(1, len(accelerator.layers) + 1):
        part = prefix(accelerator, layers)
        mismatch = first_mismatch(part.execute(q), simulate(part, q), part.layers[-1].name)
        if mismatch:
            return mismatch
    return None
