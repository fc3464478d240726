"""Where a model's own float rounding may give other integers than exact arithmetic does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.importer.borderline import Borderline
from finn_steps.original.float_bounds import UNIT, last_sum_error
from finn_steps.original.meeting import Meeting, load_meetings

ROUNDINGS = 8
"""Of a sum in the model: its scale, its offset, a bias, and their product and sums."""


@dataclass(frozen=True, eq=False)
class Rounding:
    """imported: the accelerator before any simplification. meetings: see Meeting.

    Thresholds: samples with an accumulator that float rounding could carry over one are borderline. Sums of a last layer without
    thresholds: float32 holds whole numbers up to 2**24; beyond, or of weights that are no whole multiples of one step, a sum may come
    out some integers off.
    """

    imported: Accelerator
    borderline: Borderline
    meetings: dict[str, Meeting]

    @classmethod
    def load(cls, folder: Path) -> Rounding:
        """Of a build's folder."""
        inside = folder / "import"
        return cls(Accelerator.load(inside), Borderline.load(inside / "borderline.npz"), load_meetings(inside / "meetings.json"))

    def samples(self, q: np.ndarray) -> np.ndarray:
        """bool [N]: which samples of q, int64 [N, MW], rounding may touch in either way."""
        return self.borderline.samples(self.imported, q) | self.in_sums(self.before_last(q))

    def in_sums(self, stored: np.ndarray) -> np.ndarray:
        """bool [N]: samples of which a sum of the last layer may be off; stored: what that layer takes, int64 [N, MW]."""
        return np.any(self.sum_error(stored), axis=1)

    def settled(self, model: np.ndarray, stored: np.ndarray) -> np.ndarray:
        """The model's integers of the last layer, int64 [N, MH], with the exact ones in the place of those that are no farther from them than
        rounding carries."""
        exact = self.imported.layers[-1].execute(stored)
        return np.where(np.abs(model - exact) <= self.sum_error(stored), exact, model)

    def sum_error(self, stored: np.ndarray) -> np.ndarray:
        """int64 [N, MH], or [N, 1] of zeros: how many integers the model's last sums may be off, none with thresholds."""
        last = self.imported.layers[-1]
        meeting = self.meetings.get(last.name)
        if last.thresholds is not None or meeting is None:
            return np.zeros((len(stored), 1), np.int64)
        error, scale = last_sum_error(self.imported, self.meetings, stored), np.where(meeting.scale == 0, 1, np.abs(meeting.scale))
        size = 2 * (np.abs(last.execute(stored)) + np.abs(meeting.offset) / scale)
        return np.floor(np.where(error > 0, error + ROUNDINGS * UNIT * size + meeting.slack / scale, 0) + 0.5).astype(np.int64)

    def before_last(self, q: np.ndarray) -> np.ndarray:
        """What the last layer takes."""
        for layer in self.imported.layers[:-1]:
            q = layer.execute(q)
        return q
