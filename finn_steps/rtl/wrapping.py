"""Neurons that wrap: two rows of equal weights, u and h, of which the next layer reads u - 2**bits * h only (finn_steps/hgq2/emit.py).

That difference, v, has few bits: those of the accumulator from the size of a step on, as many as `bits`. The columns above them need not
be added up, and h is not built. Where v is constant below a threshold (a ReLU in front), the columns above say where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl.activation import LUT_INPUTS, bit_tables, reachable
from finn_steps.rtl.heap import compress
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.word import Word


@dataclass(frozen=True)
class Wrap:
    """Row `h` counts how often row u goes over 2**bits."""

    h: int
    bits: int


def wraps_of(layer: SparseLayer, following: SparseLayer) -> dict[int, Wrap]:
    """Row u -> its Wrap, for rows with thresholds whose readers all take u - 2**bits * h."""
    rows: dict[bytes, list[int]] = {}
    for row in range(layer.MH if layer.thresholds is not None else 0):
        rows.setdefault(layer.weights[row].tobytes(), []).append(row)
    found = {}
    for alike in (rows for rows in rows.values() if len(rows) > 1):
        left = set(alike)
        for u in alike:
            for h in sorted(left - {u}):
                bits = _ratio(following.weights[:, u], following.weights[:, h])
                if bits is not None and u in left:
                    found[u] = Wrap(h, bits)
                    left -= {u, h}
    return found


def _ratio(u: np.ndarray, h: np.ndarray) -> int | None:
    """bits with h == -2**bits * u, for some weights that are not zero."""
    place = int(np.argmax(u != 0))
    if u[place] == 0 or h[place] % u[place] or h[place] // u[place] >= 0:
        return None
    span = -int(h[place] // u[place])
    return span.bit_length() - 1 if span & span - 1 == 0 and np.array_equal(h, -span * u) else None


@dataclass(frozen=True, eq=False)
class Wrapped:
    """v of one pair as a function of an accumulator in low..high, from both rows' thresholds."""

    layer: SparseLayer
    u: int
    wrap: Wrap
    low: int
    high: int

    def value(self, accumulators: np.ndarray) -> np.ndarray:
        """int64 -> int64: v."""
        counts = [np.searchsorted(self.layer.thresholds[row], accumulators, side="right") for row in (self.u, self.wrap.h)]
        least = int(DataType[self.layer.odt].min())
        return least + counts[0] - (least + counts[1] << self.wrap.bits)

    def range(self) -> tuple[int, int]:
        places = [self.low, self.high]
        for row in (self.u, self.wrap.h):
            inner = np.array(reachable(self.layer.thresholds[row], self.low, self.high)[1], dtype=np.int64)
            places += [*inner, *(inner - 1)]
        values = self.value(np.array(places))
        return int(values.min()), int(values.max())

    def step(self) -> int | None:
        """The exponent s where u steps by 2**s from its first threshold up to `high`, and h by 2**(s + bits) on steps of u."""
        u, h = (np.array(reachable(self.layer.thresholds[row], self.low, self.high)[1], dtype=np.int64) for row in (self.u, self.wrap.h))
        if len(u) < 2 or not len(h):
            return None
        size = int(u[1] - u[0])
        if size < 1 or size & size - 1 or np.any(np.diff(u) != size) or self.high - u[-1] >= size:
            return None
        aligned = np.all(np.diff(h) == size << self.wrap.bits) and (h[0] - u[0]) % size == 0
        return size.bit_length() - 1 if aligned else None


def wrapped_word(net: Netlist, function: Wrapped, terms: dict[int, int], constant: int) -> Word | None:
    """v as a Word, of the sum of `terms` and `constant`; None where the steps are not regular."""
    low, high = function.range()
    if len(terms) <= LUT_INPUTS:
        values = np.arange(1 << len(terms))
        sums = constant + sum((weight * (values >> place & 1) for place, weight in enumerate(terms.values())), np.zeros_like(values))
        tables = bit_tables(function.value(sums) - low, (high - low).bit_length())
        return _word([net.function(list(terms), table) for table in tables], low, low, high)
    shift = function.step()
    if shift is None:
        return None
    bits, first = function.wrap.bits, int(reachable(function.layer.thresholds[function.wrap.h], function.low, function.high)[1][0])
    period = 1 << shift + bits
    origin = function.low - (function.low - first) % period
    start, base = int(function.value(np.array([first]))[0]), int(function.value(np.array([function.low]))[0])
    flat = int(reachable(function.layer.thresholds[function.u], function.low, function.high)[1][0]) - (1 << shift) - origin
    if flat <= function.low - origin:
        sums = compress(net, terms, constant - origin, shift + bits, either=True)
        return _word(sums[shift:], start, low, high)
    if flat % period or not 0 <= base - start < 1 << bits:
        return None
    sums = compress(net, terms, constant - origin, (function.high - origin).bit_length(), either=True)
    return _word(_gated(net, sums[shift: shift + bits], sums[shift + bits:], flat // period, base - start), start, low, high)


def _gated(net: Netlist, bits: list[int], above: list[int], home: int, pattern: int) -> list[int]:
    """The bits, or those of `pattern` where the number `above` is less than `home`."""
    if len(above) >= LUT_INPUTS:
        above, home = [net.function(above, (1 << (1 << len(above))) - (1 << home))], 1
    values = np.arange(2 << len(above))
    kept = values >> 1 >= home
    tables = [bit_tables(np.where(kept, values & 1, pattern >> place & 1), 1)[0] for place in range(len(bits))]
    return [net.function([bit, *above], table) for bit, table in zip(bits, tables)]


def _word(literals: list[int], constant: int, low: int, high: int) -> Word:
    return Word(tuple((literal, 1 << place) for place, literal in enumerate(literals)), constant, low, high)
