"""Longitudinal W and Z decays, forced on Pythia's hard process.

Pair production at 1 TeV gives mostly transverse bosons. The hook redraws each decay: in the rest frame of the boson the angle
theta* between a daughter and the flight direction of the boson follows 3/4 sin^2 theta*, and the azimuth is uniform.
"""

from __future__ import annotations

import numpy as np
import pythia8mc


def draw_cosine(u: float) -> float:
    """The cosine c in [-1, 1] at which the cumulative distribution of 3/4 (1 - c^2) is `u` in [0, 1]: the middle root of
    c^3 - 3c + 4u - 2 = 0."""
    return float(2.0 * np.cos((np.arccos(1.0 - 2.0 * u) + 4.0 * np.pi) / 3.0))


class LongitudinalDecays(pythia8mc.UserHooks):
    """Redraws, with `rng`, the two-body decays of every particle with PDG code `boson` (either sign) in the process record.

    `process` is the record of the Pythia that owns this hook: set it after the Pythia is made (the argument of the hook is a
    copy). Nothing is ever vetoed."""

    def __init__(self, boson: int, rng: np.random.Generator):
        super().__init__()
        self.boson, self.rng, self.process = boson, rng, None

    def canVetoProcessLevel(self) -> bool:
        return True

    def doVetoProcessLevel(self, _copy) -> bool:
        process = self.process
        for i in range(process.size()):
            parent = process.at(i)
            if abs(parent.id()) == self.boson and parent.daughter1() and parent.daughter2() == parent.daughter1() + 1:
                self._redraw(parent, process.at(parent.daughter1()), process.at(parent.daughter2()))
        return False

    def _redraw(self, parent, first, second) -> None:
        """Give `first` and `second` new momenta back to back in the rest frame of `parent`, of unchanged masses."""
        m, m1, m2 = parent.m(), first.m(), second.m()
        p = np.sqrt(max((m**2 - (m1 + m2) ** 2) * (m**2 - (m1 - m2) ** 2), 0.0)) / (2.0 * m)
        cosine, azimuth = draw_cosine(self.rng.random()), 2.0 * np.pi * self.rng.random()
        sine = np.sqrt(1.0 - cosine**2)
        x, y, z = p * sine * np.cos(azimuth), p * sine * np.sin(azimuth), p * cosine
        for daughter, sign, mass in ((first, 1.0, m1), (second, -1.0, m2)):
            momentum = pythia8mc.Vec4(sign * x, sign * y, sign * z, np.hypot(p, mass))
            momentum.rot(parent.theta(), parent.phi())
            momentum.bst(parent.p())
            daughter.p(momentum)
