"""A parametrised detector: tracks, and calorimeter cells whose energies are smeared.

- Tracks: charged particles up to 220 GeV of pT (and every muon), relative resolution 0.00025 pT and 0.015 in quadrature, pion mass.
- Electromagnetic cells of 0.0175 x 0.0175 in eta and phi: photons, and electrons above 220 GeV.
- Hadronic cells of 0.022 x 0.022: every other particle.
The energies of one cell are summed, smeared once and placed, massless, at the cell's centre. Nothing is seen beyond |eta| = 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.data.generator.particles import Particles

TRACK_MAX_PT = 220.0
TRACK_RESOLUTION = (0.00025, 0.015)
PION_MASS = 0.13957
ETA_MAX = 5.0
PHOTON, ELECTRON, MUON = 22, 11, 13


@dataclass(frozen=True)
class Calorimeter:
    """`cell` is the width in eta and phi; sigma(E)/E is `stochastic` / sqrt(E / `reference`), `noise` / E and `constant` in
    quadrature, with E in GeV."""

    cell: float
    stochastic: float
    reference: float
    noise: float
    constant: float

    def resolution(self, energy: np.ndarray) -> np.ndarray:
        """sigma(E)/E for `energy` in GeV."""
        return np.sqrt(self.stochastic**2 * self.reference / energy + (self.noise / energy) ** 2 + self.constant**2)


ECAL = Calorimeter(cell=0.0175, stochastic=0.027, reference=1.6, noise=0.24, constant=0.005)
HCAL = Calorimeter(cell=0.022, stochastic=1.2, reference=7.0, noise=0.0, constant=0.05)


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the detector reports: `event` int64 [N] ascending, `p` float64 [N, 4] (px, py, pz, E in GeV)."""

    event: np.ndarray
    p: np.ndarray


def detect(particles: Particles, rng: np.random.Generator) -> Candidates:
    """Tracks and cells of all events of `particles`."""
    pt = np.hypot(particles.p[:, 0], particles.p[:, 1])
    seen = np.abs(particles.p[:, 2]) < np.sinh(ETA_MAX) * pt
    event, p, pt, pdg = particles.event[seen], particles.p[seen], pt[seen], particles.pdg[seen]
    track = particles.charged[seen] & ((pt <= TRACK_MAX_PT) | (pdg == MUON))
    ecal = ~track & ((pdg == PHOTON) | (pdg == ELECTRON))
    hcal = ~track & ~ecal
    parts = [
        (event[track], tracks(p[track], pt[track], rng)),
        cells(event[ecal], p[ecal], ECAL, rng),
        cells(event[hcal], p[hcal], HCAL, rng),
    ]
    event = np.concatenate([part[0] for part in parts])
    order = np.argsort(event, kind="stable")
    return Candidates(event[order], np.concatenate([part[1] for part in parts])[order])


def tracks(p: np.ndarray, pt: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Momenta `p` [N, 4] scaled by one draw of the track resolution each, with the energy of a pion."""
    scale = np.maximum(1.0 + np.hypot(TRACK_RESOLUTION[0] * pt, TRACK_RESOLUTION[1]) * rng.standard_normal(len(p)), 0.01)
    momentum = p[:, :3] * scale[:, None]
    energy = np.sqrt((momentum**2).sum(axis=1) + PION_MASS**2)
    return np.column_stack([momentum, energy])


def cells(event: np.ndarray, p: np.ndarray, calorimeter: Calorimeter, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Event numbers [M] and massless momenta [M, 4] of the cells that N particles light, one entry for each cell and event."""
    width = calorimeter.cell
    around = int(np.ceil(2.0 * np.pi / width))
    eta = np.arcsinh(p[:, 2] / np.hypot(p[:, 0], p[:, 1]))
    phi = np.arctan2(p[:, 1], p[:, 0]) + np.pi
    row = np.floor((eta + ETA_MAX) / width).astype(np.int64)
    column = np.minimum(np.floor(phi / width).astype(np.int64), around - 1)
    rows = int(np.ceil(2.0 * ETA_MAX / width)) + 1
    key, where = np.unique((event * rows + row) * around + column, return_inverse=True)
    energy = np.bincount(where, weights=p[:, 3], minlength=len(key))
    energy = energy * (1.0 + calorimeter.resolution(energy) * rng.standard_normal(len(key)))
    lit = energy > 0.0
    key, energy = key[lit], energy[lit]
    eta = (key // around % rows + 0.5) * width - ETA_MAX
    phi = (key % around + 0.5) * width - np.pi
    pt = energy / np.cosh(eta)
    return key // (around * rows), np.column_stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy])
