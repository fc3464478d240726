"""What the generator hands to the detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Particles:
    """Final particles of several events, one after another. `event` int64 [N] ascending; `pdg` int64 [N] without sign;
    `charged` bool [N]; `p` float64 [N, 4]: px, py, pz, E in GeV."""

    event: np.ndarray
    pdg: np.ndarray
    charged: np.ndarray
    p: np.ndarray
