"""Pythia events of one jet class as flat arrays of visible final particles."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pythia8mc

from models.data.generator.particles import Particles
from models.data.generator.polarisation import LongitudinalDecays
from models.data.generator.processes import COMMON, LONGITUDINAL, SETTINGS

NEUTRINOS = (12, 14, 16)
PYTHIA_SEEDS = 900_000_000


class EventSource:
    """Pythia, set up for one class. `seed` decides every event (and every redrawn decay) in order."""

    def __init__(self, jet_class: str, seed: np.random.SeedSequence):
        pythia_seed, decay_seed = seed.spawn(2)
        self._pythia = pythia8mc.Pythia("", False)
        number = 1 + int(pythia_seed.generate_state(1, np.uint64)[0] % PYTHIA_SEEDS)
        for line in (*COMMON, *SETTINGS[jet_class], "Random:setSeed = on", f"Random:seed = {number}"):
            if not self._pythia.readString(line):
                raise RuntimeError(f"Pythia does not know the setting '{line}': install the version that requirements/jets.txt names")
        if jet_class in LONGITUDINAL:
            self._hook = LongitudinalDecays(LONGITUDINAL[jet_class], np.random.default_rng(decay_seed))
            self._pythia.setUserHooksPtr(self._hook)
            self._hook.process = self._pythia.process
        if not self._pythia.init():
            raise RuntimeError(f"Pythia could not be set up for class '{jet_class}'")
        self._charges: dict[int, bool] = {}

    def take(self, count: int) -> Particles:
        """The visible final particles of the next `count` events (a few of them may fail in Pythia, and are left out)."""
        batch = self._pythia.nextBatch(count).prt
        sizes = ak.to_numpy(ak.num(batch, axis=1))
        flat = ak.flatten(batch, axis=1)
        pdg = np.abs(ak.to_numpy(flat.id).astype(np.int64))
        keep = (ak.to_numpy(flat.status) > 0) & ~np.isin(pdg, NEUTRINOS)
        p = np.stack([ak.to_numpy(flat.p[axis])[keep] for axis in ("px", "py", "pz", "e")], axis=1)
        event = np.repeat(np.arange(len(sizes)), sizes)[keep]
        return Particles(event, pdg[keep], self._charged(pdg[keep]), p)

    def _charged(self, pdg: np.ndarray) -> np.ndarray:
        kinds, where = np.unique(pdg, return_inverse=True)
        for kind in kinds.tolist():
            if kind not in self._charges:
                self._charges[kind] = self._pythia.particleData.chargeType(kind) != 0
        return np.array([self._charges[kind] for kind in kinds.tolist()], dtype=bool)[where]
