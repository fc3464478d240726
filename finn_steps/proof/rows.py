"""The rows of a layer as they are proved: its own, and behind them pairs of rows that the next layer reads as one.

Two rows of equal weights and bias, of which all readers take u + ratio * h in one ratio, may be built as one: its value is that sum, a
function of one accumulator, though no monotone one (neurons that wrap are such pairs)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from finn_steps.accelerator import SparseLayer


@dataclass(frozen=True)
class Pair:
    """The value u + ratio * h of two rows."""

    u: int
    h: int
    ratio: int


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a layer, and behind them its pairs."""

    layer: SparseLayer
    pairs: tuple[Pair, ...] = ()

    @property
    def name(self) -> str:
        return self.layer.name

    @cached_property
    def weights(self) -> np.ndarray:
        """int64 [MH + pairs, MW]."""
        return self.layer.weights[[*range(self.layer.MH), *(pair.u for pair in self.pairs)]]

    @cached_property
    def bias(self) -> np.ndarray:
        return self.layer.bias[[*range(self.layer.MH), *(pair.u for pair in self.pairs)]]

    @property
    def by_row(self) -> dict[int, Pair]:
        return {self.layer.MH + number: pair for number, pair in enumerate(self.pairs)}

    def parts(self, row: int) -> list[tuple[int, int]]:
        """(row of the layer, factor): what a row's value adds up."""
        pair = self.by_row.get(row)
        return [(row, 1)] if pair is None else [(pair.u, 1), (pair.h, pair.ratio)]


def of_one_sum(layer: SparseLayer) -> list[list[int]]:
    """Its rows, those together that have equal weights and bias."""
    alike: dict[bytes, list[int]] = {}
    for row in range(layer.MH):
        alike.setdefault(layer.weights[row].tobytes() + layer.bias[row].tobytes(), []).append(row)
    return list(alike.values())


def pairs_of(layer: SparseLayer, following: SparseLayer | None) -> tuple[Pair, ...]:
    """Pairs of rows of a layer that the next one reads as one; no row is in two of them."""
    if following is None or layer.thresholds is None:
        return ()
    found: list[Pair] = []
    for rows in of_one_sum(layer):
        left = list(rows)
        for u in rows:
            for h in [row for row in left if row != u and u in left]:
                ratio = _ratio(following.weights[:, u], following.weights[:, h])
                if ratio is not None:
                    found.append(Pair(u, h, ratio))
                    left = [row for row in left if row not in (u, h)]
    return tuple(found)


def _ratio(u: np.ndarray, h: np.ndarray) -> int | None:
    """The whole number, not 0, with h == ratio * u for readers' weights that are not all zero."""
    place = int(np.argmax(u != 0))
    if not u[place] or not h[place] or h[place] % u[place]:
        return None
    ratio = int(h[place] // u[place])
    return ratio if np.array_equal(h, ratio * u) else None


def with_pairs(integers: np.ndarray, pairs: tuple[Pair, ...]) -> np.ndarray:
    """int64 [N, MW + pairs], of [N, MW]."""
    return np.concatenate([integers, *((integers[:, pair.u] + pair.ratio * integers[:, pair.h])[:, None] for pair in pairs)], axis=1)
