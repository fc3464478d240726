"""Test accuracy as a smooth function of LUT, for each arm on each hardware, and LUT at equal accuracy with its error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

FEWEST = 5
"""Networks of each seed for which a curve is fitted."""
EXPONENTS = (0.01, 10.0)
HARDWARE = (("lut", "our generator"), ("alkaid_lut", "alkaid"))
"""Columns of the table, and whose LUTs they are."""


@dataclass(frozen=True)
class Line:
    """An arm on one hardware. luts, accuracies [networks], by rising LUT; groups the seed of each."""

    arm: str
    hardware: str
    luts: np.ndarray
    accuracies: np.ndarray
    groups: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.arm}, {self.hardware}"

    @property
    def seeds(self) -> list[np.ndarray]:
        """Of each seed, which networks are its."""
        return [np.array([group == seed for group in self.groups]) for seed in sorted(set(self.groups))]

    @property
    def fitted(self) -> bool:
        return min(rows.sum() for rows in self.seeds) >= FEWEST

    @property
    def reach(self) -> tuple[float, float]:
        """Of the LUTs that every seed has networks on both sides of; beyond it no curve is told."""
        return max(self.luts[rows].min() for rows in self.seeds), min(self.luts[rows].max() for rows in self.seeds)

    def curve(self, luts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(accuracies, standard errors) at LUTs: the mean of the seeds' own fits and its error; of a single seed its fit, and what leaving out
        each of its networks does to it, by the jackknife."""
        each = np.array([fit(self.luts[rows], self.accuracies[rows])(luts) for rows in self.seeds])
        if len(each) > 1:
            return each.mean(0), each.std(0, ddof=1) / np.sqrt(len(each))
        count = len(self.luts)
        left = np.array([fit(np.delete(self.luts, place), np.delete(self.accuracies, place))(luts) for place in range(count)])
        return each[0], np.sqrt((count - 1) / count * ((left - left.mean(0)) ** 2).sum(0))


def fit(luts: np.ndarray, accuracies: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Least squares of a + b * lut**-c with c > 0: it rises or falls all the way, and flattens as networks grow."""
    middle = np.exp(np.log(luts).mean())

    def basis(at: np.ndarray, c: float) -> np.ndarray:
        return np.stack([np.ones(len(at)), (at / middle) ** -c], 1)

    def factors(c: float) -> np.ndarray:
        return np.linalg.lstsq(basis(luts, c), accuracies, rcond=None)[0]

    def missed(exponent: float) -> float:
        c = np.exp(exponent)
        return float(((basis(luts, c) @ factors(c) - accuracies) ** 2).sum())

    c = np.exp(minimize_scalar(missed, bounds=np.log(EXPONENTS), method="bounded", options={"xatol": 1e-6}).x)
    return lambda at: basis(at, c) @ factors(c)


def lines(rows: list[dict]) -> list[Line]:
    """Of the rows of the table."""
    found = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        for column, hardware in HARDWARE:
            points = sorted((float(row[column]), float(row["test"]), row["seed"]) for row in rows if row["arm"] == arm and row[column])
            if points:
                luts, accuracies, groups = zip(*points)
                found.append(Line(arm, hardware, np.array(luts), np.array(accuracies), groups))
    return found


def luts_at(line: Line, accuracies: tuple[float, ...]) -> list[tuple[float, float] | None]:
    """(LUT, its standard error) where the line's curve has each accuracy; None outside its reach, or without a curve."""
    if not line.fitted or line.reach[0] >= line.reach[1]:
        return [None] * len(accuracies)
    luts = np.geomspace(*line.reach, 4000)
    middle, error = line.curve(luts)
    found = []
    for accuracy in accuracies:
        above = np.flatnonzero(middle >= accuracy)
        if not len(above) or above[0] == 0:
            found.append(None)
            continue
        at = above[0]
        slope = (middle[at] - middle[at - 1]) / (luts[at] - luts[at - 1])
        found.append((float(luts[at]), float(error[at] / slope)))
    return found
