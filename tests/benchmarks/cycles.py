"""Cycles of a folded layer against what zeros would let it take, and against FINN's, which sees none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from finn_steps.accelerator import Folding, SparseLayer
from finn_steps.folding.schedule import schedule
from tests.benchmarks.networks import network

SIZES = ((64, 32), (256, 64), (784, 256))
SHARES = (0.25, 0.1)
LEAST_CYCLES = 12
"""Foldings whose ideal is below are left out: a cycle more is then 8 % or more."""


def k_of_n(rng: np.random.Generator, MW: int, MH: int, share: float) -> np.ndarray:
    """int64 [MH, MW] of 4 bits, exactly round(share * MW) nonzeros in each row."""
    weights = rng.integers(1, 8, (MH, MW)) * rng.choice([-1, 1], (MH, MW))
    for row in weights:
        row[rng.permutation(MW)[round(share * MW):]] = 0
    return weights


def magnitude(rng: np.random.Generator, MW: int, MH: int, share: float) -> np.ndarray:
    """The same share of a whole layer kept by magnitude, rows of unequal spread: a normal weight times a log-normal scale of
    its row."""
    weights = rng.normal(size=(MH, MW)) * rng.lognormal(0, 0.3, (MH, 1))
    limit = np.quantile(np.abs(weights), 1 - share)
    signs = np.sign(weights) * (np.abs(weights) > limit)
    return (signs * rng.integers(1, 8, (MH, MW))).astype(np.int64)


def rows() -> Iterator[dict]:
    """jet_dpp is trained to k of n, and no longer is so where a build has taken its dead neurons out. One row for each layer
    and folding: nonzeros, PE, SIMD, cycles, `ideal` = nonzeros / (PE x SIMD), `dense` = MW x MH / (PE x SIMD)."""
    rng = np.random.default_rng(7)
    for MW, MH in SIZES:
        for share in SHARES:
            for kind, make in (("k of n", k_of_n), ("magnitude", magnitude)):
                weights = make(rng, MW, MH, share)
                for PE, SIMD in ((4, 2), (8, 4), (16, 8)):
                    yield from row(f"{MW} to {MH}, {1 - share:.0%} zeros", kind, weights, PE, SIMD)
    for name in ("jet_qap", "jet_dpp"):
        for layer in network(name)[1].layers:
            yield from row(f"{name} {layer.name}", "magnitude", layer.weights, 1, 1)


def row(name: str, kind: str, weights: np.ndarray, PE: int, SIMD: int) -> Iterator[dict]:
    MH, MW = weights.shape
    ideal = int(np.count_nonzero(weights)) / (PE * SIMD)
    if MH % PE or MW % SIMD or ideal < LEAST_CYCLES:
        return
    layer = SparseLayer("layer", weights, np.zeros(MH), None, "UINT4", "INT32", Folding("folded", PE, SIMD))
    cycles = schedule(layer).cycles
    yield {"name": name, "kind": kind, "nonzeros": layer.nonzeros, "PE": PE, "SIMD": SIMD, "cycles": cycles, "ideal": ideal,
           "dense": MW * MH / (PE * SIMD), "over": cycles / ideal}
