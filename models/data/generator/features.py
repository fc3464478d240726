"""The 16 features of a jet, in the order of the published set."""

from __future__ import annotations

import numpy as np

from models.data.generator.clustering import Jets
from models.data.generator.correlators import correlators
from models.data.generator.names import FEATURES


def jet_features(jets: Jets, groomed: Jets) -> np.ndarray:
    """float32 [kept jets, 16], from jets and the same jets groomed. Jets with fewer than two groomed constituents, or with all of them
    in one place, are dropped.

    zlogz (energy fractions, natural logarithm) and multiplicity are of the jet itself, the rest of the groomed jet:
    C1 = e2, C2 = e3 / e2^2, D2 = e3 / e2^3, D2^(1,b) = e3(1) / e2(b)^(3/b), M2 = 1e3 / e2, N2 = 2e3 / e2^2; the mass in GeV."""
    keep = groomed.sizes >= 2
    jets, groomed = jets.select(keep), groomed.select(keep)
    if not len(jets.sizes):
        return np.zeros((0, len(FEATURES)), np.float32)
    c = correlators(*_directions(groomed), groomed.sizes)
    spread = c.e2[:, 1] > 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        c1, e2 = c.e2, c.e2[:, 1:]
        columns = [
            _zlogz(jets), *c1.T, *(c.e3 / e2**2).T, *(c.e3 / e2**3).T,
            c.e3[:, 0] / e2[:, 0] ** 3, c.e3[:, 0] / e2[:, 1] ** 1.5,
            *(c.e3_smallest / e2).T, *(c.e3_two_smallest / e2**2).T, _mass(groomed), jets.sizes,
        ]  # fmt: skip
    return np.stack(columns, axis=1)[spread].astype(np.float32)


def _directions(jets: Jets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pT fraction, rapidity and azimuth of every constituent."""
    px, py, pz, energy = jets.p.T
    pt = np.hypot(px, py)
    total = np.repeat(_sums(pt, jets.sizes), jets.sizes)
    return pt / total, np.arctanh(np.clip(pz / energy, -1.0 + 1e-15, 1.0 - 1e-15)), np.arctan2(py, px)


def _zlogz(jets: Jets) -> np.ndarray:
    energy = jets.p[:, 3]
    z = energy / np.repeat(_sums(energy, jets.sizes), jets.sizes)
    return _sums(z * np.log(z), jets.sizes)


def _mass(jets: Jets) -> np.ndarray:
    px, py, pz, energy = (_sums(component, jets.sizes) for component in jets.p.T)
    return np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))


def _sums(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The sum over each jet's constituents; no jet is empty."""
    return np.add.reduceat(values, np.cumsum(sizes) - sizes)
