"""What an accelerator will take: LUTs, flip-flops, block RAMs, cycles. Adds up the layers and what joins them, in the order in
which rtl/generate.py lays them out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

from finn_steps.accelerator import Accelerator
from finn_steps.folding.choice import Choice, Price
from finn_steps.folding.core_counts import is_windowed
from finn_steps.folding.joins import convert_price, credit_price
from finn_steps.rtl.folded_activation import BRAM_IN_LUTS
from finn_steps.rtl.core import Core
from finn_steps.rtl.folded import takes_one_a_beat
from finn_steps.rtl.generate import bits, core_name, make_core

PLANES = ("bitplane", "serial")
FOLDED_CYCLES = 8
"""From the start of a folded layer's schedule to its first answer, without what depends on its folding."""


@dataclass(frozen=True)
class LayerEstimate:
    """The share of one layer, what joins it to the one before included; block RAMs of 18 Kbit; cycles from frame to frame."""

    name: str
    lut: int
    ff: int
    bram: int
    dsp: int
    cycles: int


@dataclass(frozen=True)
class Estimate:
    """As SynthesisResult and SimulationResult count them. Cycles are exact, the rest is the calibration's."""

    lut: int
    ff: int
    bram: int
    dsp: int
    ii_cycles: int
    latency_cycles: int
    layers: tuple[LayerEstimate, ...]


@dataclass(frozen=True)
class Partial:
    """Layers from the first up to some layer, built as `choices` say.

    prices       of each layer so far, joins and credits included
    first, last  cycles in which the first and the last beat of a frame, alone, come out of the last closed stage
    ii           cycles from frame to frame so far
    elements, lanes, bits   the stream after the last closed stage
    core         style of the core that the last layer is in, None for folded; core_cycles: its cycles (bit planes) or its nodes in
                 series (unrolled) so far; core_ii its cycles from frame to frame
    """

    choices: tuple[Choice, ...]
    prices: tuple[Price, ...]
    total: Price
    first: int
    last: int
    ii: int
    elements: int
    lanes: int
    bits: int
    core: str | None = None
    core_cycles: int = 0
    core_ii: int = 1

    @property
    def area(self) -> float:
        """In LUTs, block RAMs weighed as the generator weighs them."""
        return self.total.lut + BRAM_IN_LUTS * self.total.bram

    @property
    def core_latency(self) -> int:
        """Cycles of the open core. Of an unrolled core at most these: the longest paths of its layers may not meet."""
        if self.core in PLANES:
            return 1 + self.core_cycles
        return max(0, self.core_cycles - 1) // self.choices[-1].folding.registers_every + 1

    def paying(self, price: Price, **changes) -> Partial:
        """With `price` for the last layer."""
        return replace(self, prices=(*self.prices[:-1], self.prices[-1] + price), total=self.total + price, **changes)


def begin(accelerator: Accelerator, choice: Choice) -> Partial:
    """Nothing but the input stream as `choice` for the first layer takes it."""
    lanes = _lanes(choice)
    return Partial((), (Price(),), Price(), 0, accelerator.MW // lanes - 1, 1, accelerator.MW, lanes, bits(accelerator.idt))


def extend(partial: Partial, choice: Choice) -> Partial:
    """With one more layer."""
    cycles = choice.depth + (choice.cycles + 1 if choice.style in PLANES else 0)
    if choice.style != "folded" and partial.core == choice.style:
        grown = _with(partial.paying(partial.choices[-1].core_price("onward")), choice)
        grown = grown.paying(choice.core_price("body") + choice.core_price("inner"))
        return replace(grown, core_cycles=partial.core_cycles + cycles, core_ii=max(partial.core_ii, choice.cycles), ii=max(grown.ii, choice.cycles))
    partial = _with(close(partial), choice)
    if choice.style != "folded":
        partial = _convert(partial, partial.elements)
        partial = partial.paying(choice.core_price("body") + choice.core_price("first"))
        return replace(partial, core=choice.style, core_cycles=cycles, core_ii=choice.cycles, ii=max(partial.ii, choice.cycles))
    slots, shape = partial.elements, choice.shape
    serial = takes_one_a_beat(shape, range(slots))
    collected = partial.lanes < slots and not serial
    partial = _convert(partial, 1 if serial else slots)
    if collected:
        partial = _registered(partial, slots)
    start = partial.last + serial
    delay = FOLDED_CYCLES + choice.delay
    return partial.paying(
        choice.folded_price(serial), first=start + delay + shape.first, last=start + delay + shape.last, ii=max(partial.ii, choice.cycles),
        elements=shape.units * shape.beats, lanes=shape.units, bits=bits(choice.layer.odt), core=None,
    )


def close(partial: Partial) -> Partial:
    """With the end of its core, if it is in one."""
    if partial.core is None:
        return partial
    choice, latency = partial.choices[-1], partial.core_latency
    layer = choice.layer
    price = choice.core_price("last") + credit_price(choice.generator, layer.MH * bits(layer.odt), latency, partial.core_ii)
    done = partial.last + latency + 1
    return partial.paying(price, first=done, last=done, elements=layer.MH, lanes=layer.MH, bits=bits(layer.odt), core=None)


def finish(partial: Partial) -> Partial:
    """With what stands behind the last layer."""
    folded = partial.core is None
    partial = close(partial)
    if not folded:
        return partial
    last = partial.choices[-1].layer
    lanes = _lanes_out(partial)
    partial = _convert(partial, partial.elements)
    partial = replace(partial, elements=last.MH, lanes=last.MH)
    if lanes < last.MH:
        partial = _registered(partial, last.MH)
    return _convert(partial, lanes)


def walk(accelerator: Accelerator, choices: list[Choice]) -> Partial:
    partial = begin(accelerator, choices[0])
    for choice in choices:
        partial = extend(partial, choice)
    return finish(partial)


def settled_choices(accelerator: Accelerator) -> list[Choice]:
    windows = [False, *(is_windowed(layer) for layer in accelerator.layers)]
    return [Choice(layer, layer.folding, windowed) for layer, windowed in zip(accelerator.layers, windows)]


def estimate(accelerator: Accelerator) -> Estimate:
    """For the foldings that the accelerator's layers have; unrolled layers as the core that they are generated into."""
    built = walk(accelerator, settled_choices(accelerator))
    prices, latency = list(built.prices), built.last
    for places, core in unrolled_cores(accelerator):
        alone = [built.choices[place].core_price("body") for place in places]
        together = Price.of("unrolled", core.counts)
        for place, price in zip(places, alone):
            share = price.lut / max(1e-9, sum(price.lut for price in alone))
            prices[place] += Price(share * together.lut - price.lut, share * together.ff - price.ff)
        depth = sum(built.choices[place].depth for place in places)
        latency -= max(0, depth - 1) // accelerator.layers[places[0]].folding.registers_every + 1 - core.latency
    layers = tuple(
        LayerEstimate(choice.layer.name, round(price.lut), round(price.ff), price.bram, 0, choice.cycles)
        for choice, price in zip(built.choices, prices)
    )
    total = sum(prices, Price())
    return Estimate(round(total.lut), round(total.ff), total.bram, 0, built.ii, latency, layers)


def unrolled_cores(accelerator: Accelerator) -> list[tuple[list[int], Core]]:
    """The places of the layers in each unrolled core, and the core."""
    found = []
    for style, group in groupby(enumerate(accelerator.layers), key=lambda pair: pair[1].folding.style):
        places, layers = map(list, zip(*group))
        if style == "unrolled":
            found.append((places, make_core(style, layers, f"{core_name(layers)}_core")))
    return found


def _with(partial: Partial, choice: Choice) -> Partial:
    prices = (*partial.prices, Price()) if partial.choices else partial.prices
    return replace(partial, choices=(*partial.choices, choice), prices=prices)


def _convert(partial: Partial, lanes: int) -> Partial:
    """With beats of `lanes` elements."""
    if partial.lanes == lanes:
        return partial
    price = convert_price(partial.bits, partial.lanes, lanes)
    if lanes > partial.lanes:
        return partial.paying(price, first=partial.last + 1, last=partial.last + 1, lanes=lanes)
    beats = partial.lanes // lanes
    last = max(partial.last + beats - 1, partial.first + partial.elements // lanes - 1)
    return partial.paying(price, last=last, lanes=lanes)


def _registered(partial: Partial, elements: int) -> Partial:
    """With a stream_register for a whole frame."""
    price = Price.of("join", {"registers": elements * partial.bits + 2, "converters": 0.25})
    return partial.paying(price, first=partial.last + 1, last=partial.last + 1)


def _lanes(choice: Choice) -> int:
    MW = choice.layer.MW
    return MW if choice.style != "folded" else least_lanes(MW, choice.cycles)


def _lanes_out(partial: Partial) -> int:
    cycles = max(choice.cycles for choice in partial.choices if choice.style == "folded")
    return least_lanes(partial.choices[-1].layer.MH, cycles)


def least_lanes(elements: int, cycles: int) -> int:
    """The fewest elements a beat that bring a frame in `cycles`."""
    return min(lanes for lanes in range(1, elements + 1) if elements % lanes == 0 and elements // lanes <= cycles)
