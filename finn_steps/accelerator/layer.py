"""One sparse layer of integers."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator.datatypes import own_bits, smallest_datatype
from finn_steps.accelerator.folding import Folding


@dataclass(frozen=True, eq=False)
class SparseLayer:
    """One matrix-vector-activation unit: `acc = weights @ x + bias`, then the number of thresholds reached.

    weights     int64 [MH, MW]
    bias        int64 [MH], added to the accumulator (all zero where thresholds absorb it)
    thresholds  int64 [MH, steps], ascending along a row, or None: the output is then the accumulator itself.
                output = odt.min() + k * step for k thresholds with acc >= threshold, where step is 2 for BIPOLAR, else 1.
    idt, odt    FINN datatype names of one input and one output element; inputs are never BIPOLAR (the importer rewrites
                them as BINARY).
    input_range int64 [2, MW], the least and the greatest value that each input takes; None: all that idt allows. Of hidden layers the
                Accelerator derives it.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    thresholds: np.ndarray | None
    idt: str
    odt: str
    folding: Folding = field(default_factory=Folding)
    input_range: np.ndarray | None = None

    def __post_init__(self):
        for attribute in ("weights", "bias", "thresholds", "input_range"):
            value = getattr(self, attribute)
            if value is None:
                continue
            array = np.ascontiguousarray(value, dtype=np.int64)
            if array is not value and not np.array_equal(array, value):
                raise ValueError(f"{self.name}: {attribute} must be integers")
            array.flags.writeable = False
            object.__setattr__(self, attribute, array)
        if self.weights.ndim != 2 or self.bias.shape != (self.MH,):
            raise ValueError(f"{self.name}: weights {self.weights.shape} and bias {self.bias.shape} are not [MH, MW] and [MH]")
        if max(DataType[name].bitwidth() for name in (self.idt, self.odt)) > 64 or 0 in self.weights.shape:
            raise ValueError(f"{self.name}: {self.MH} x {self.MW} weights, {self.idt} to {self.odt}; supported: at least one, up to 64 bits")
        if self.thresholds is not None:
            if self.thresholds.shape != (self.MH, self.steps):
                raise ValueError(f"{self.name}: thresholds {self.thresholds.shape} are not [MH, steps] = {(self.MH, self.steps)}")
            if np.any(np.diff(self.thresholds, axis=1) < 0):
                raise ValueError(f"{self.name}: thresholds must ascend along a row")
        if self.idt == "BIPOLAR" or not DataType[self.idt].is_integer():
            raise ValueError(f"{self.name}: input datatype {self.idt} must be an integer type, bipolar written as BINARY")
        self._check_range()
        self.folding.check(self.name, self.MH, self.MW)

    def _check_range(self) -> None:
        """A range that is all that idt allows is None."""
        given, least, greatest = self.input_range, int(DataType[self.idt].min()), int(DataType[self.idt].max())
        if given is None:
            return
        if given.shape != (2, self.MW):
            raise ValueError(f"{self.name}: input_range {given.shape} is not [2, MW] = {(2, self.MW)}")
        wrong = np.flatnonzero((given[0] < least) | (given[1] > greatest) | (given[0] > given[1]))
        if len(wrong):
            low, high = given[:, wrong[0]].tolist()
            raise ValueError(f"{self.name}: input {wrong[0]} ranges over {low}..{high}, which is no range of {self.idt} ({least}..{greatest})")
        if np.all(given[0] == least) and np.all(given[1] == greatest):
            object.__setattr__(self, "input_range", None)

    @cached_property
    def input_low(self) -> np.ndarray:
        """int64 [MW]: the least value of each input."""
        return np.full(self.MW, int(DataType[self.idt].min())) if self.input_range is None else self.input_range[0]

    @cached_property
    def input_high(self) -> np.ndarray:
        """int64 [MW]: the greatest value of each input."""
        return np.full(self.MW, int(DataType[self.idt].max())) if self.input_range is None else self.input_range[1]

    @cached_property
    def input_bits(self) -> tuple[int, ...]:
        """The bits that each input has; see own_bits."""
        return tuple(own_bits(low, high) for low, high in zip(self.input_low.tolist(), self.input_high.tolist()))

    @property
    def input_width(self) -> int:
        """The bits of the widest input, at least 1."""
        return max(1, *self.input_bits)

    def folded(self, folding: Folding) -> SparseLayer:
        """The same layer, built as `folding` says; what is known of its arrays is not worked out again."""
        folding.check(self.name, self.MH, self.MW)
        other = copy.copy(self)
        object.__setattr__(other, "folding", folding)
        return other

    @property
    def MH(self) -> int:
        return self.weights.shape[0]

    @property
    def MW(self) -> int:
        return self.weights.shape[1]

    @property
    def steps(self) -> int:
        """Thresholds of a neuron: the number of output levels minus one; 0 without thresholds."""
        return 0 if self.thresholds is None else DataType[self.odt].get_num_possible_values() - 1

    @cached_property
    def nonzeros(self) -> int:
        return int(np.count_nonzero(self.weights))

    @cached_property
    def greatest_weight(self) -> int:
        """Of all magnitudes."""
        return int(max(self.weights.max(), -self.weights.min()))

    @property
    def wdt(self) -> str:
        """The smallest FINN integer datatype that holds every weight."""
        return smallest_datatype(int(self.weights.min()), int(self.weights.max()))

    @cached_property
    def accumulator_min(self) -> np.ndarray:
        """int64 [MH]: the least value of each row's accumulator over all inputs in their ranges, bias included."""
        return self._extreme(self.input_low, self.input_high)

    @cached_property
    def accumulator_max(self) -> np.ndarray:
        """int64 [MH]: the greatest value of each row's accumulator over all inputs in their ranges, bias included."""
        return self._extreme(self.input_high, self.input_low)

    def _extreme(self, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        """Where inputs with positive weights are `positive`, and those with negative ones `negative`."""
        extreme = np.maximum(self.weights, 0) @ positive + np.minimum(self.weights, 0) @ negative + self.bias
        extreme.flags.writeable = False
        return extreme

    @cached_property
    def answer_range(self) -> np.ndarray:
        """int64 [2, MH]: the least and the greatest output of each row, by interval arithmetic."""
        return np.stack([self.answers(self.accumulator_min), self.answers(self.accumulator_max)])

    def answers(self, accumulators: np.ndarray) -> np.ndarray:
        """int64 [MH] accumulators, one of each row -> int64 [MH] outputs."""
        if self.thresholds is None:
            return accumulators
        reached = (self.thresholds <= accumulators[:, None]).sum(1)
        return int(DataType[self.odt].min()) + reached * (2 if self.odt == "BIPOLAR" else 1)

    def taking(self, ranges: np.ndarray) -> SparseLayer:
        """The layer with inputs in these ranges, int64 [2, MW], as far as idt allows them."""
        made = replace(self, input_range=np.clip(ranges, int(DataType[self.idt].min()), int(DataType[self.idt].max())))
        same = self.input_range is made.input_range or np.array_equal(self.input_range, made.input_range)
        return self if same else made

    @property
    def accdt(self) -> str:
        """The smallest FINN integer datatype that holds every reachable accumulator."""
        return smallest_datatype(int(self.accumulator_min.min()), int(self.accumulator_max.max()))

    def accumulate(self, x: np.ndarray) -> np.ndarray:
        """int64 [N, MW] -> int64 [N, MH], the accumulators before any threshold; in float64, which is faster, where that is exact."""
        x = np.asarray(x, dtype=np.int64)
        largest = int(np.abs(self.weights).sum(1).max()) * int(np.abs(x).max(initial=0))
        if largest < 2**53:
            return (x.astype(np.float64) @ self.weights.T.astype(np.float64)).astype(np.int64) + self.bias
        return x @ self.weights.T + self.bias

    def execute(self, x: np.ndarray) -> np.ndarray:
        """int64 [N, MW] in their ranges -> int64 [N, MH] in odt, exact."""
        acc = self.accumulate(x)
        if self.thresholds is None:
            return acc
        reached = np.empty_like(acc)
        for row in range(self.MH):
            reached[:, row] = np.searchsorted(self.thresholds[row], acc[:, row], side="right")
        odt = DataType[self.odt]
        return int(odt.min()) + reached * (2 if self.odt == "BIPOLAR" else 1)
