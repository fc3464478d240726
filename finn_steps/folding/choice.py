"""One way to build one layer, with what it costs: at first a bound that it cannot be below, on demand its count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.folding.calibration import price
from finn_steps.folding.core_counts import CoreCounts, core_counts
from finn_steps.folding.folded_counts import Shape, folded_counts, least_shape, shape_of
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

    def __init__(self, layer: SparseLayer, windowed: bool = False, settled: bool = True):
        self.layer, self.windowed, self.settled = layer, windowed, False
        self.style, self.folding = layer.folding.style, layer.folding
        self.generator = "bitplane" if self.style == "serial" else self.style
        if self.style == "serial":
            layer = replace(layer, folding=replace(layer.folding, style="bitplane", digits=1))
        self.counted = layer
        self._prices: dict[tuple, Price] = {}
        self._bound()
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

    def _bound(self) -> None:
        self.depth = 1
        if self.style == "folded":
            self.shape = least_shape(self.layer)
            self.cycles = self.shape.cycles
            return
        bits = DataType[self.layer.idt].bitwidth()
        self.cycles = 1 if self.style == "unrolled" else -(-bits // self.counted.folding.digits)
        taken = bits if self.style == "unrolled" else min(bits, self.counted.folding.digits)
        digits = sum(len(signed_digits(abs(int(weight)))) for weight in self.layer.weights[self.layer.weights != 0]) * taken
        kept = self.layer.MH * (signed_bits(int(self.layer.accumulator_min.min()), int(self.layer.accumulator_max.max())))
        self.counts = CoreCounts({"columns": LUTS_A_DIGIT * max(0, digits - kept)}, {}, {}, {}, {}, 1, self.cycles)

    def core_price(self, part: str) -> Price:
        """Of one part of CoreCounts."""
        if (part,) not in self._prices:
            self._prices[part,] = Price.of(self.generator, getattr(self.counts, part))
        return self._prices[part,]

    def folded_price(self, serial: bool, slots: int) -> Price:
        if (serial, slots) not in self._prices:
            self._prices[serial, slots] = Price.of("folded", folded_counts(self.layer, self.shape, serial, slots))
        return self._prices[serial, slots]
