"""One way to build one layer, with what it costs: at first a bound that it cannot be below, on demand its count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Folding, SparseLayer
from finn_steps.folding.calibration import price
from finn_steps.folding.core_counts import CoreCounts, core_counts
from finn_steps.folding.folded_counts import Shape, facts_of, folded_counts, least_shape, shape_of, tree_levels
from finn_steps.rtl.folded_activation import signed_bits
from finn_steps.rtl.heap import signed_digits

STYLES = ("unrolled", "bitplane", "folded")
"""What the tuner chooses from; `serial` is bit planes of one digit (rtl/serial.py)."""
LUTS_A_DIGIT = 0.3
"""No heap has been seen to remove a digit for less (rtl/heap.py: 0.45 by the densest rows; rows share with each other)."""


@dataclass(frozen=True)
class Price:
    """LUTs, flip-flops and 18 Kbit block RAMs, as far as they can be attributed to something."""

    lut: float = 0.0
    ff: float = 0.0
    bram: int = 0

    def __add__(self, other: Price) -> Price:
        return Price(self.lut + other.lut, self.ff + other.ff, self.bram + other.bram)

    @classmethod
    def of(cls, style: str, features: Mapping[str, float]) -> Price:
        """By the calibration's coefficients of this style."""
        return cls(price("lut", style, features), price("ff", style, features), int(features.get("bram", 0)))


class Choice:
    """A layer with a folding. `settled`: its counts are the generator's or the schedule's, not a bound."""

    def __init__(self, layer: SparseLayer, folding: Folding, windowed: bool = False, settled: bool = True):
        self.layer = replace(layer, folding=folding)
        self.folding, self.style, self.windowed, self.settled = folding, folding.style, windowed, False
        self.generator = "bitplane" if self.style == "serial" else self.style
        self.counted = self.layer
        if self.style == "serial":
            self.counted = replace(layer, folding=replace(folding, style="bitplane", digits=1))
        self.facts = facts_of(layer) if self.style == "folded" else None
        self._prices: dict[str | bool, Price] = {}
        self._bound(layer)
        if settled:
            self.settle()

    def settle(self) -> None:
        """Count what was only bounded."""
        if self.settled:
            return
        self._prices.clear()
        if self.style == "folded":
            self.shape: Shape = shape_of(self.layer)
            self.cycles = self.shape.cycles
        else:
            self.counts: CoreCounts = core_counts(self.counted, self.windowed)
            self.depth, self.cycles = self.counts.depth, self.counts.phases
        self.settled = True

    def _bound(self, layer: SparseLayer) -> None:
        self.depth = 1
        if self.style == "folded":
            self.shape = least_shape(self.layer, self.facts)
            self.cycles = self.shape.cycles
            return
        bits = DataType[layer.idt].bitwidth()
        digits = bits if self.style == "unrolled" else min(bits, self.counted.folding.digits)
        self.cycles = -(-bits // digits)
        self.counts = CoreCounts({"columns": LUTS_A_DIGIT * digits_to_remove(layer, digits)}, {}, {}, {}, {}, 1, self.cycles)

    def core_price(self, part: str) -> Price:
        """Of one part of CoreCounts."""
        if part not in self._prices:
            self._prices[part] = Price.of(self.generator, getattr(self.counts, part))
        return self._prices[part]

    def folded_price(self, serial: bool) -> Price:
        if serial not in self._prices:
            self._prices[serial] = Price.of("folded", folded_counts(self.layer, self.facts, self.shape, serial))
        return self._prices[serial]

    @property
    def delay(self) -> int:
        """Cycles of a folded layer's adder tree and activation."""
        return tree_levels(self.folding.SIMD, self.facts.product) + self.facts.activation.cycles


@lru_cache(maxsize=1024)
def digits_to_remove(layer: SparseLayer, bits: int) -> int:
    """Signed digits of the weights times `bits` of an input, less the digits of the accumulators."""
    digits = sum(len(signed_digits(weight)) for weight in np.abs(layer.weights[layer.weights != 0]).tolist())
    kept = layer.MH * signed_bits(int(layer.accumulator_min.min()), int(layer.accumulator_max.max()))
    return max(0, digits * bits - kept)
