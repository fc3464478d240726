"""One way to build one layer, or several in one core, with what it costs: at first a bound that it cannot be below, on demand its count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from finn_steps.accelerator import Accelerator, Folding, SparseLayer
from finn_steps.folding.calibration import price
from finn_steps.folding.core_counts import CoreCounts, core_counts, unrolled_counts
from finn_steps.folding.folded_counts import Shape, delay_of, facts_of, folded_counts, least_shape, shape_of
from finn_steps.folding.schedule import LEAST_CYCLES
from finn_steps.rtl.folded_activation import BRAM_IN_LUTS, signed_bits
from finn_steps.rtl.heap import signed_digits

STYLES = ("unrolled", "bitplane", "serial", "folded")
LUTS_A_DIGIT = 0.3
"""No heap has been seen to remove a digit for less (rtl/heap.py: 0.45 by the densest rows; rows share with each other)."""
JOINED = 0.7
"""No unrolled core of several layers has been seen to take less than this share of what they take alone (0.95 to 1, of tiny
ones down to 0.75)."""


def styles_of(accelerator: Accelerator) -> tuple[str, ...]:
    """That its interface allows."""
    return STYLES if accelerator.interface == "stream" else tuple(style for style in STYLES if style != "folded")


@dataclass(frozen=True)
class Price:
    """LUTs, flip-flops, 18 Kbit block RAMs and DSPs, as far as they can be attributed to something."""

    lut: float = 0.0
    ff: float = 0.0
    bram: int = 0
    dsp: int = 0

    def __add__(self, other: Price) -> Price:
        return Price(self.lut + other.lut, self.ff + other.ff, self.bram + other.bram, self.dsp + other.dsp)

    @property
    def area(self) -> float:
        """In LUTs, block RAMs weighed as the generator weighs them."""
        return self.lut + BRAM_IN_LUTS * self.bram

    def __mul__(self, factor: float) -> Price:
        return Price(self.lut * factor, self.ff * factor, self.bram, self.dsp)

    @classmethod
    def of(cls, style: str, features: Mapping[str, float]) -> Price:
        """By the calibration's coefficients of this style."""
        return cls(price("lut", style, features), price("ff", style, features), int(features.get("bram", 0)), int(features.get("dsp", 0)))


class Choice:
    """Consecutive layers with one folding for each of them.

    layers   as they are built, their folding among them; one, or of style unrolled the whole of a core
    cycles   from frame to frame
    settled  nothing of it is a bound any more
    """

    def __init__(self, layers: tuple[SparseLayer, ...], folding: Folding):
        self.layers = tuple(layer.folded(folding) for layer in layers)
        self.folding, self.style, self.settled = folding, folding.style, False

    @property
    def last_layer(self) -> SparseLayer:
        return self.layers[-1]

    def settle(self, exact: bool = False) -> None:
        """Raise what is a bound; until `settled`, more may be had. `exact`: down to the count of every row."""
        raise NotImplementedError


class Unrolled(Choice):
    """A core of layers of constants. price: of all of it; latency: cycles. labels: it answers with the label of its greatest row."""

    cycles = 1

    def __init__(self, layers: tuple[SparseLayer, ...], folding: Folding, labels: np.ndarray | None = None):
        super().__init__(layers, folding)
        self.labels, self.latency, self._alone = labels, 1, False
        digits = sum(digits_to_remove(layer, layer.input_width) for layer in layers)
        self.price = Price.of("unrolled", {"columns": LUTS_A_DIGIT * digits})

    def settle(self, exact: bool = False) -> None:
        if len(self.layers) > 1 and not (self._alone or exact):
            self._alone = True
            self.price = sum((Price.of("unrolled", unrolled_counts((layer,), None)[0]) for layer in self.layers), Price()) * JOINED
            return
        self.counts, self.latency = unrolled_counts(self.layers, self.labels, exact)
        self.price, self.settled = Price.of("unrolled", self.counts), True


class Planes(Choice):
    """A layer of bit planes, or a serial one. counts: of its parts; depth: nodes in series; windowed: see core_counts."""

    def __init__(self, layers: tuple[SparseLayer, ...], folding: Folding, windowed: bool = False):
        super().__init__(layers, folding)
        (self.layer,) = self.layers
        self.windowed, self.depth = windowed, 1
        bits = self.layer.input_width
        digits = 1 if folding.style == "serial" else min(bits, folding.digits)
        self.cycles = -(-bits // digits)
        self.counts = CoreCounts({"columns": LUTS_A_DIGIT * digits_to_remove(layers[0], digits)}, {}, {}, {}, {}, 1, self.cycles)
        self._prices: dict[str, Price] = {}

    def settle(self, exact: bool = False) -> None:
        self.counts = core_counts(self.layer, self.windowed, exact)
        self.depth, self.cycles, self.settled = self.counts.depth, self.counts.phases, True
        self._prices.clear()

    def part(self, name: str) -> Price:
        """Of one part of the counts."""
        if name not in self._prices:
            self._prices[name] = Price.of("bitplane", getattr(self.counts, name))
        return self._prices[name]


class Folded(Choice):
    """A layer of PE x SIMD lanes. shape: what the schedule decides; facts: what it does not."""

    def __init__(self, layers: tuple[SparseLayer, ...], folding: Folding):
        super().__init__(layers, folding)
        (self.layer,) = self.layers
        self.facts = facts_of(layers[0])
        self.shape: Shape = least_shape(self.layer, self.facts)
        self.full = False
        self._prices: dict[bool, Price] = {}

    def settle(self, exact: bool = False) -> None:
        self.shape, self.settled, self.full = shape_of(self.layer), True, exact
        self._prices.clear()

    @property
    def cycles(self) -> int:
        return max(LEAST_CYCLES, self.shape.cycles)

    @property
    def delay(self) -> int:
        """Cycles of the adders and the activation."""
        return delay_of(self.layer, self.facts, self.shape, self.full) + self.facts.activation.cycles

    def price(self, serial: bool) -> Price:
        """serial: its inputs come one a beat."""
        if serial not in self._prices:
            self._prices[serial] = Price.of("folded", folded_counts(self.layer, self.facts, self.shape, serial, self.full))
        return self._prices[serial]


@lru_cache(maxsize=1024)
def digits_to_remove(layer: SparseLayer, bits: int) -> int:
    """Signed digits of the weights times the bits of their inputs, `bits` at the most, less the digits of the accumulators."""
    magnitudes, places = np.unique(np.abs(layer.weights), return_inverse=True)
    digits = np.array([len(signed_digits(weight)) for weight in magnitudes.tolist()])[places].reshape(layer.weights.shape)
    spans = (layer.input_high - layer.input_low).tolist()
    taken = np.array([min(bits, span.bit_length()) for span in spans])
    kept = layer.MH * signed_bits(int(layer.accumulator_min.min()), int(layer.accumulator_max.max()))
    return max(0, int((digits @ taken).sum()) - kept)
