"""What each neuron must compute, from the integers of the Accelerator alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.proof.rows import Rows

MOST_ACCUMULATORS = 1 << 22
"""Values that one accumulator may reach, at most, for all of them to be tried."""


@dataclass(frozen=True, eq=False)
class Code:
    """How an integer is spelled in bits: value = offset + sum of weights[i] * bit i."""

    offset: int
    weights: tuple[int, ...]
    step: int = 1

    def bit(self, values: np.ndarray, index: int) -> np.ndarray:
        """uint8: a bit of each of some values that the code can spell."""
        if not self.weights[index]:
            return np.zeros(len(values), np.uint8)
        return ((values - self.offset) // self.step >> index & 1).astype(np.uint8)


CONSTANT = "constant"
"""The code of a bit that is 0 whatever the value is."""


def twos_complement(datatype: str) -> Code:
    """As a FINN datatype travels: two's complement or unsigned; BIPOLAR as one bit, 0 for -1."""
    if datatype == "BIPOLAR":
        return Code(-1, (2,), 2)
    width, signed = DataType[datatype].bitwidth(), DataType[datatype].signed()
    weights = [1 << bit for bit in range(width)]
    if signed:
        weights[-1] = -weights[-1]
    return Code(0, tuple(weights))


@dataclass(frozen=True, eq=False)
class Source:
    """One input of a layer: the values that it takes, int64 ascending."""

    values: np.ndarray

    @property
    def low(self) -> int:
        return int(self.values[0])

    @property
    def high(self) -> int:
        return int(self.values[-1])

    @property
    def spacing(self) -> int:
        """All values are the least plus a multiple of this."""
        return math.gcd(*(self.values - self.low).tolist()) or 1


def input_sources(layer: SparseLayer) -> list[Source]:
    """The inputs of a first layer: all values in their ranges."""
    return [Source(np.arange(low, high + 1)) for low, high in zip(layer.input_low.tolist(), layer.input_high.tolist())]


def input_code(source: Source) -> Code:
    """An input in the fewest bits of two's complement, or unsigned where it is never negative; a constant has none."""
    if source.low == source.high:
        return Code(0, ())
    signed, width = source.low < 0, 1
    while source.high >= 1 << width - signed or source.low < -(1 << width - 1):
        width += 1
    weights = [1 << bit for bit in range(width)]
    if signed:
        weights[-1] = -weights[-1]
    return Code(0, tuple(weights))


class Neuron:
    """One of the rows of a layer over some sources. ways: in which its inputs can be taken together: groups of them, independent of each
    other as far as is known, and what each group can be, int64 [N, rows]."""

    def __init__(self, layer: Rows, row: int, sources: list[Source], ways: list[list[tuple[list[int], np.ndarray]]] = ()):
        self.layer, self.row = layer, row
        self.weights = {int(k): int(layer.weights[row, k]) for k in np.flatnonzero(layer.weights[row])}
        self.bias, self.odt, self.parts = int(layer.bias[row]), layer.layer.odt, layer.parts(row)
        reaches = [self._reach(sources, groups) for groups in ways or [[]]]
        self.low, self.high = max(low for low, _ in reaches), min(high for _, high in reaches)
        self.spacing = math.gcd(*(weight * sources[k].spacing for k, weight in self.weights.items() if sources[k].low < sources[k].high)) or 1

    def _reach(self, sources: list[Source], groups: list[tuple[list[int], np.ndarray]]) -> tuple[int, int]:
        """Least and greatest that the accumulator may be."""
        joint = [values @ np.array([self.weights.get(k, 0) for k in rows]) for rows, values in groups]
        alone = self.weights.keys() - {k for rows, _ in groups for k in rows}
        ends = [(weight * sources[k].low, weight * sources[k].high) for k, weight in self.weights.items() if k in alone]
        ends += [(int(values.min()), int(values.max())) for values in joint]
        return self.bias + sum(min(pair) for pair in ends), self.bias + sum(max(pair) for pair in ends)

    @property
    def name(self) -> str:
        return f"{self.layer.name}, neuron {self.row}"

    def output(self, accumulators: np.ndarray) -> np.ndarray:
        """int64: the layer's output for accumulators of this row."""
        if self.layer.layer.thresholds is None:
            return accumulators
        return sum(factor * self._reached(part, accumulators) for part, factor in self.parts)

    def _reached(self, part: int, accumulators: np.ndarray) -> np.ndarray:
        reached = np.searchsorted(np.sort(self.layer.layer.thresholds[part]), accumulators, side="right")
        return int(DataType[self.odt].min()) + self.step * reached

    @cached_property
    def accumulators(self) -> np.ndarray:
        """int64: all values that the accumulator may have, ascending, and perhaps some that it has not."""
        return np.arange(self.low, self.high + 1, self.spacing)

    @property
    def step(self) -> int:
        return 2 if self.odt == "BIPOLAR" else 1

    @cached_property
    def source(self) -> Source:
        """What the next layer gets of this row: it changes at thresholds only."""
        if self.layer.layer.thresholds is None:
            return Source(self.accumulators)
        thresholds = self.layer.layer.thresholds[[part for part, _ in self.parts]]
        places = np.unique(np.concatenate([[self.low], thresholds[(thresholds > self.low) & (thresholds <= self.high)]]))
        return Source(np.unique(self.output(places)))

    @cached_property
    def codes(self) -> dict[str, Code]:
        """Ways in which a design may spell the output: as its datatype, or counted from the least value."""
        found = {"datatype": twos_complement(self.odt) if len(self.parts) == 1 else input_code(self.source), CONSTANT: Code(0, (0,))}
        span = (self.source.high - self.source.low) // self.step
        weights = tuple(self.step << bit for bit in range(span.bit_length()))
        if (self.source.low, weights) != (found["datatype"].offset, found["datatype"].weights[:len(weights)]):
            found["count"] = Code(self.source.low, weights, self.step)
        return {**found, **self._wrapped()}

    def _wrapped(self) -> dict[str, Code]:
        """Of u - 2**bits * h: counted from what it is where h steps for the first time."""
        span = -self.parts[1][1] if len(self.parts) > 1 else 0
        steps = self.layer.layer.thresholds[self.parts[1][0]] if span > 1 else np.zeros(0)
        steps = steps[(steps > self.low) & (steps <= self.high)]
        start = int(self.output(steps[:1])[0]) if len(steps) else self.source.low
        if start == self.source.low or not start <= self.source.low <= self.source.high < start + span or span & span - 1:
            return {}
        return {"wrapped": Code(start, tuple(1 << bit for bit in range(span.bit_length() - 1)))}
