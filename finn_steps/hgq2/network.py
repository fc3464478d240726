"""A chain of HGQ2's layers as data: what a Keras file says, without Keras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROUNDINGS = {"RND": "half up", "RND_CONV": "half to even", "TRN": "down"}
"""Those that can be built, by HGQ2's names."""
OVERFLOWS = ("SAT", "SAT_SYM", "WRAP")


@dataclass(frozen=True, eq=False)
class Quantiser:
    """Of each channel: x * 2**fraction, rounded, is a whole number that is brought into low..high, by clipping or (`wraps`) modulo
    high - low + 1; the value is that times 2**-fraction. A dead channel has low == high == 0.

    low, high, fraction  int64 [width]
    """

    name: str
    rounding: str
    wraps: bool
    low: np.ndarray
    high: np.ndarray
    fraction: np.ndarray

    @classmethod
    def of(cls, name: str, rounding: str, overflow: str, k: np.ndarray, i: np.ndarray, f: np.ndarray) -> Quantiser:
        """From HGQ2's sign, integer and fraction bits, int64 [width]. ValueError, naming the quantiser, for other modes."""
        if rounding not in ROUNDINGS:
            raise ValueError(f"quantiser {name} rounds by {rounding}; supported: {', '.join(ROUNDINGS)}")
        if overflow not in OVERFLOWS:
            raise ValueError(f"quantiser {name} overflows by {overflow}; supported: {', '.join(OVERFLOWS)}")
        alive, size = k + i + f > 0, np.maximum(i, -f) + f
        high = np.where(alive, (1 << np.maximum(size, 0)) - 1, 0)
        low = np.where(alive, -k * (high + (overflow != "SAT_SYM")), 0)
        return cls(name, rounding, overflow == "WRAP", low, high, np.where(alive, f, 0))

    @property
    def step(self) -> np.ndarray:
        return 2.0 ** -self.fraction

    @property
    def span(self) -> np.ndarray:
        """int64 [width]: how many whole numbers a channel has."""
        return self.high - self.low + 1

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """float64 [..., width] -> the whole numbers before they are clipped or wrapped."""
        scaled = x * 2.0**self.fraction
        return {"RND": lambda: np.floor(scaled + 0.5), "RND_CONV": lambda: np.rint(scaled), "TRN": lambda: np.floor(scaled)}[self.rounding]()

    def keeps(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """bool [width]: whether no value in low..high, float64 [width], overflows."""
        return (self.rounded(low) >= self.low) & (self.rounded(high) <= self.high)

    def bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float64 [width]: the least and the greatest value for inputs in low..high."""
        ends = [np.clip(self.rounded(end), self.low, self.high) for end in (low, high)]
        if self.wraps:
            kept = self.keeps(low, high)
            ends = [np.where(kept, end, limit) for end, limit in zip(ends, (self.low, self.high))]
        return ends[0] * self.step, ends[1] * self.step


@dataclass(frozen=True, eq=False)
class Dense:
    """x @ weights.T + bias; weights float64 [MH, MW], as HGQ2's own quantiser leaves them."""

    name: str
    weights: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Affine:
    """x * factor + shift; float64 [width]."""

    name: str
    factor: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True)
class Activation:
    """kind: relu or softmax."""

    name: str
    kind: str


Step = Quantiser | Dense | Affine | Activation


@dataclass(frozen=True, eq=False)
class Chain:
    """features, and what happens to them in order."""

    features: int
    steps: tuple[Step, ...]
