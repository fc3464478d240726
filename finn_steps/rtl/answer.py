"""What a row of bit planes makes of its sum: the columns that decide, and the value that they become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer, own_bits
from finn_steps.rtl import activation
from finn_steps.rtl.activation import Activation
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.unrolled import encode
from finn_steps.rtl.word import Word


@dataclass(frozen=True)
class Held:
    """A value held for the cycles in which the next layer reads its digits: constant + the unsigned number `bits`, in
    low..high. Where `below` the number is 0 instead, where `above` it is all ones. All literals of one netlist."""

    bits: tuple[int, ...]
    constant: int
    low: int
    high: int
    below: int = 0
    above: int = 0

    @classmethod
    def input(cls, literals: list[int], low: int, high: int) -> Held:
        """An input in low..high: of the literals of its datatype those that it needs; a sign bit is counted from the least number."""
        size = own_bits(low, high)
        bits, signed = literals[:size], size > 0 and low < 0
        if size == 0:
            return cls((), low, low, high)
        return cls((*bits[:-1], bits[-1] ^ signed), -(1 << size - 1) if signed else 0, low, high)


@dataclass(frozen=True)
class Answer:
    """Of a row of `layer` whose sum lies in low..high.

    origin      what is taken off the sum, so that it is not negative
    shift, top  the columns from shift to top - 1 of what is left decide; higher ones need not be right
    always      how many thresholds every sum reaches
    thresholds  those that only some reach, less the origin, in units of 2**shift
    window      they step by 1 through all values of the lowest columns: these are the answer, those above say where it saturates
    """

    layer: SparseLayer
    low: int
    high: int
    origin: int
    shift: int
    top: int
    always: int = 0
    thresholds: tuple[int, ...] = ()
    window: bool = False
    activation: Activation | None = None

    @property
    def kept(self) -> int:
        """How many columns decide."""
        return self.top - self.shift if self.layer.thresholds is None or self.thresholds else 0

    def value(self, net: Netlist, bits: list[int], last: bool) -> Held:
        """What the `kept` bits mean; for the `last` layer, the bits of its output datatype."""
        odt = self.layer.odt
        if self.layer.thresholds is None:
            if last:
                return Held(tuple(encode(net, Word.binary(bits, self.low < 0), odt)), 0, self.low, self.high)
            if self.low < 0:
                return Held((*bits[:-1], bits[-1] ^ 1), -(1 << self.top - 1), self.low, self.high)
            return Held(tuple(bits), 0, self.low, self.high)
        step, count = 2 if odt == "BIPOLAR" else 1, len(self.thresholds)
        least = int(DataType[odt].min()) + step * self.always
        held = self._windowed(net, bits, least) if self.window else Held(tuple(self._counted(net, bits)), least, least, least + count)
        if not last:
            return held
        reached = held.bits
        if self.window:
            reached = [net.function([bit, held.below, held.above], 0b11110010) for bit in held.bits]
        word = Word(tuple((bit, step << i) for i, bit in enumerate(reached)), least, least, least + step * count)
        return Held(tuple(encode(net, word, odt)), 0, 0, 0)

    def _windowed(self, net: Netlist, bits: list[int], least: int) -> Held:
        count = len(self.thresholds)
        size = count.bit_length()
        home, upper = self.thresholds[0] - 1 >> size, bits[size:]
        below = net.function(upper, sum(1 << value for value in range(min(home, 1 << len(upper)))))
        above = net.function(upper, sum(1 << value for value in range(home + 1, 1 << len(upper))))
        return Held(tuple((bits + [0] * size)[:size]), least, least, least + count, below, above)

    def _counted(self, net: Netlist, bits: list[int]) -> list[int]:
        if not self.thresholds:
            return []
        bits = [0] * self.shift + bits
        return self.activation.apply(net, bits + [0] * (self.activation.width - len(bits)))


def answer_of(layer: SparseLayer, row: int, low: int, high: int, least: int) -> Answer:
    """The Answer of a row, with an origin of at most `least`, which is at most `low`."""
    if layer.thresholds is None:
        size = max((-low - 1 if low < 0 else 0).bit_length(), high.bit_length(), 1) + (low < 0)
        return Answer(layer, low, high, least >> size << size, 0, size)
    thresholds = layer.thresholds[row]
    always, reachable = activation.reachable(thresholds, low, high)
    if not reachable:
        return Answer(layer, low, high, least, 0, 0, always)
    levels, steps = len(thresholds) + 1, np.diff(thresholds)
    step = int(steps[0]) if len(steps) and np.all(steps == steps[0]) else 0
    window = levels > 2 and step > 0 and step & step - 1 == 0 and levels & levels - 1 == 0
    if window:
        zero = int(thresholds[0]) - step
        origin, shift = zero + (least - zero) // (step * levels) * (step * levels), step.bit_length() - 1
        always, reachable, chosen = 0, thresholds.tolist(), None
    else:
        chosen = activation.choose(reachable, least, high)
        origin, shift = chosen.origin, chosen.shift
    reduced = tuple(threshold - origin >> shift for threshold in reachable)
    return Answer(layer, low, high, origin, shift, (high - origin).bit_length(), always, reduced, window, chosen)
