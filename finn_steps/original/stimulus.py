"""Inputs that take every feature through every level of the accelerator's input, found by bisection on the host's own operations.

The host's head maps each feature by a monotone function, whatever operations it is made of, so the least float32 that reaches a level is
found among the float32 numbers in order, without an inverse. Samples carry, for each level, that number, the one just before it (ties and
rounding show there) and one inside of the level; sample j carries another level in each feature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator
from finn_steps.verification.stimulus import ROUNDING as ROUNDING_OPERATIONS

LARGEST = np.float32(2.0**100)
ROUNDING = (*ROUNDING_OPERATIONS, "count")
"""Host operations that make integers of floats."""
STRIDE = 7
"""Levels between neighbouring features of a sample."""
INEXACT = {"Sigmoid", "Tanh", "Exp", "Log", "Pow", "Sqrt", "Softplus", "Softsign", "Elu", "Selu", "Celu", "Gelu", "Erf", "Mish", "Swish",
           "BatchNormalization", "LayerNormalization", "InstanceNormalization", "LpNormalization"}
"""Operators that numpy and onnxruntime may round otherwise: then no sample lies on the edge of a level."""


@dataclass(frozen=True, eq=False)
class Stimulus:
    """x float32 [N, features]: first the corners (all least, all greatest, each feature alone at the other end), then the levels.

    levels  how many levels of the input datatype each feature takes; corners: how many of the samples are corners
    """

    x: np.ndarray
    levels: int
    corners: int


def level_inputs(accelerator: Accelerator, datatype: str | None, edges: bool, most: int,
                 representable: Callable[[np.ndarray], np.ndarray] = np.float32) -> Stimulus:
    """All levels, or as many evenly spaced ones as `most` samples allow, the ends among them.

    datatype       the file's integer input type: its values are then the levels; None for float inputs
    edges          whether samples may lie on the edges of levels
    representable  the nearest value that the file's input takes, a monotone function
    """
    head = _Head(accelerator, representable)
    corner_samples = min(2 + 2 * len(head.columns), max(2, most // 4))
    most = (most - corner_samples) // head.rounds
    if datatype is not None or not any(op.op in ROUNDING for op in accelerator.host_input):
        table = _integer_table(datatype or accelerator.idt, len(head.columns), most)[None]
    else:
        table = _float_table(head, edges, max(2, most // (3 if edges else 1)))
    x = [head.inputs(_corners(table[0], corner_samples))]
    x += [head.inputs(_turned(values), turn) for turn in range(head.rounds) for values in table]
    return Stimulus(representable(np.concatenate(x)), table.shape[1], len(x[0]))


class _Head:
    """The host's operations by column of the accelerator's input, each a function of one feature.

    columns  int64 [W]: the columns that are driven, for each feature that is read the first that reads it
    rounds   how many columns one feature has at most; in round r its r-th column decides what it carries
    """

    def __init__(self, accelerator: Accelerator, representable):
        self.accelerator, self._representable = accelerator, representable
        source = np.arange(accelerator.features)
        for op in accelerator.host_input:
            source = source[op.value.astype(int)] if op.op == "take" else source
        source = source[accelerator.input_index]
        self.features, self.columns = np.unique(source, return_index=True)
        readers = [np.flatnonzero(source == feature) for feature in self.features]
        self.rounds = max(len(reader) for reader in readers)
        self._driven = np.stack([[reader[turn % len(reader)] for reader in readers] for turn in range(self.rounds)])
        self._source = source

    def inputs(self, columns: np.ndarray, turn: int = 0) -> np.ndarray:
        """float32 [N, features]: each feature takes what the column that it has in this round is to see; others stay at zero.

        columns  float32 [N, W], by feature, or [N, MW], by column
        """
        x = np.zeros((len(columns), self.accelerator.features), np.float32)
        x[:, self.features] = columns if columns.shape[1] == len(self.features) else columns[:, self._driven[turn]]
        return x

    def reached(self, values: np.ndarray) -> np.ndarray:
        """float32 [N, MW] -> int64 [N, MW]: the integer of each column where its feature has that value."""
        answer = np.empty(values.shape, np.int64)
        for turn in range(self.rounds):
            with np.errstate(all="ignore"):
                found = self.accelerator.quantise(self._representable(self.inputs(values, turn)))
            answer[:, self._driven[turn]] = found[:, self._driven[turn]]
        return answer


def _integer_table(datatype: str, features: int, most: int) -> np.ndarray:
    """float32 [levels, features]: the integers that come in."""
    low, high = int(DataType[datatype].min()), int(DataType[datatype].max())
    values = np.array([[-1], [1]]) if datatype == "BIPOLAR" else _spaced(np.array([low]), np.array([high]), max(2, most))
    return np.repeat(values.astype(np.float32), features, axis=1)


def _float_table(head: _Head, edges: bool, most: int) -> np.ndarray:
    """float32 [kinds, levels, MW]: inside of each level, and with `edges` its least float and the one before."""
    width, low, high = head.accelerator.MW, head.accelerator.layers[0].input_low, head.accelerator.layers[0].input_high
    levels = _spaced(low, high, most)
    ends = head.reached(np.array([[-LARGEST], [LARGEST]]) * np.ones((1, width), np.float32))
    sign = np.where(ends[1] < ends[0], np.float32(-1), np.float32(1))
    first, above = (_least_floats(lambda x: head.reached(x * sign), wanted) for wanted in (levels, levels + 1))
    first, last = _within(first, _before(above), high - low + 1)
    inside = (first.astype(np.float64) / 2 + last.astype(np.float64) / 2).astype(np.float32)
    kinds = [inside, first, _before(first)] if edges else [inside]
    return np.stack(kinds) * sign


def _within(first: np.ndarray, last: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest floats of each column's `levels`, with the open ends closed about one level's width beyond the outermost steps."""
    low = np.where(last > _before(-LARGEST), last, LARGEST).min(axis=0)
    high = np.where(first < LARGEST, first, -LARGEST).max(axis=0)
    width = np.where(levels > 2, (high - low) / np.maximum(levels - 2, 1).astype(np.float32), np.maximum(np.abs(low), 1) / 2)
    return np.clip(first, low - width, high + width), np.clip(last, low - width, high + width)


def _least_floats(reached: Callable[[np.ndarray], np.ndarray], wanted: np.ndarray) -> np.ndarray:
    """float32 [levels, MW]: the least number at which a rising function reaches each wanted level; LARGEST where none does."""
    low, high = np.full(wanted.shape, _key(-LARGEST)), np.full(wanted.shape, _key(LARGEST))
    while np.any(low < high):
        middle = (low + high) // 2
        there = reached(_float(middle)) >= wanted
        low, high = np.where(there, low, np.minimum(middle + 1, high)), np.where(there, middle, high)
    return _float(high)


def _key(x) -> np.ndarray:
    """int64, in the order of the float32 numbers; both zeros are 0."""
    bits = np.asarray(x, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _float(key: np.ndarray) -> np.ndarray:
    bits = np.abs(key).astype(np.uint32) | np.where(key < 0, np.uint32(0x80000000), np.uint32(0))
    return bits.astype(np.uint32).view(np.float32)


def _before(x: np.ndarray) -> np.ndarray:
    return np.nextafter(x, np.float32(-np.inf))


def _spaced(low: np.ndarray, high: np.ndarray, most: int) -> np.ndarray:
    """int64 [levels, columns]: from low to high, as many as the widest column has, or `most`."""
    count = max(2, min(int((high - low).max()) + 1, max(2, most)))
    return low + (np.arange(count)[:, None] * (high - low)) // (count - 1)


def _corners(levels: np.ndarray, most: int) -> np.ndarray:
    """float32 [2 + 2 * MW, MW] or the first `most` of them: all least, all greatest, each one alone at the other end."""
    least, greatest = levels[0], levels[-1]
    alone = np.eye(len(least), dtype=bool)
    return np.concatenate([least[None], greatest[None], np.where(alone, greatest, least), np.where(alone, least, greatest)])[:most]


def _turned(table: np.ndarray) -> np.ndarray:
    """Column c begins STRIDE * c levels further on."""
    rows = (np.arange(len(table))[:, None] + STRIDE * np.arange(table.shape[1])) % len(table)
    return np.take_along_axis(table, rows, axis=0)

