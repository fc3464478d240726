"""What an accelerator will take: LUTs, flip-flops, block RAMs, DSPs, cycles. Adds up the layers and what joins them, in the order in
which rtl/generate.py lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.fixed_input import LAYER
from finn_steps.folding.choice import Choice, Folded, Planes, Price, Unrolled
from finn_steps.folding.core_counts import is_windowed, unrolled_counts
from finn_steps.folding.joins import convert_price, credit_price, valid_price
from finn_steps.rtl.folded_lanes import takes_one_a_beat
from finn_steps.rtl.generate import bits
from finn_steps.rtl.label import label_core
from finn_steps.rtl.stage import joinable

FOLDED_CYCLES = 8
"""From the start of a folded layer's schedule to its first answer, without what depends on its folding."""
TAKEN = 2
"""From the start to the cycle in which a whole frame at the input port is taken (folded_sequencer.sv): time counts from there."""


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

    prices       of each choice so far, joins and credits included
    first, last  cycles in which the first and the last beat of a frame, alone, come out of the last closed stage
    ii           cycles from frame to frame so far
    elements, lanes, bits   the stream after the last closed stage
    core_cycles, core_ii    of the bit-plane core that the last layer is in, if any: its cycles so far, and from frame to frame
    folded       cycles from frame to frame of the slowest folded layer
    """

    accelerator: Accelerator
    choices: tuple[Choice, ...]
    prices: tuple[Price, ...]
    total: Price
    first: int
    last: int
    ii: int
    elements: int
    lanes: int
    bits: int
    core_cycles: int = 0
    core_ii: int = 1
    folded: int = 0

    @property
    def area(self) -> float:
        return self.total.area

    @property
    def in_core(self) -> bool:
        return self.core_cycles > 0

    @property
    def lanes_out(self) -> int:
        """Elements a beat in which a folded last layer would answer."""
        return least_lanes(self.accelerator.MH, self.folded) if self.folded else self.accelerator.MH

    def paying(self, price: Price, **changes) -> Partial:
        """With `price` for the last choice."""
        return replace(self, prices=(*self.prices[:-1], self.prices[-1] + price), total=self.total + price, **changes)


def begin(accelerator: Accelerator, choice: Choice, cycles: int) -> Partial:
    """Nothing but the input stream as `choice` for the first layer takes it; `cycles` of the slowest folded layer."""
    lanes = least_lanes(accelerator.MW, cycles) if isinstance(choice, Folded) else accelerator.MW
    return Partial(accelerator, (), (Price(),), Price(), 0, accelerator.MW // lanes - 1, 1, accelerator.MW, lanes, bits(accelerator.idt))


def extend(partial: Partial, choice: Choice) -> Partial:
    """With one more choice; one of style unrolled must not follow another."""
    if isinstance(choice, Planes):
        return _extend_planes(partial, choice)
    partial = _with(close(partial), choice)
    return _extend_unrolled(partial, choice) if isinstance(choice, Unrolled) else _extend_folded(partial, choice)


def _extend_planes(partial: Partial, choice: Planes) -> Partial:
    cycles = choice.depth + choice.cycles + 1
    if partial.in_core:
        grown = _with(partial.paying(partial.choices[-1].part("onward")), choice)
        grown = grown.paying(choice.part("body") + choice.part("inner"))
        return replace(grown, core_cycles=partial.core_cycles + cycles, core_ii=max(partial.core_ii, choice.cycles),
                       ii=max(grown.ii, choice.cycles))
    partial = _with(close(partial), choice)
    partial = _convert(partial, partial.elements).paying(choice.part("body") + choice.part("first"))
    return replace(partial, core_cycles=cycles, core_ii=choice.cycles, ii=max(partial.ii, choice.cycles))


def _extend_unrolled(partial: Partial, choice: Unrolled) -> Partial:
    partial = _convert(partial, partial.elements).paying(choice.price)
    layer = choice.last_layer
    elements, width = (layer.MH, bits(layer.odt)) if choice.labels is None else (1, label_bits(choice.labels))
    return _credited(partial, elements, width, choice.latency, 1)


def _extend_folded(partial: Partial, choice: Folded) -> Partial:
    slots, shape = partial.elements, choice.shape
    serial = takes_one_a_beat(choice.layer, shape.cycles, shape.owners, slots)
    collected = partial.lanes < slots and not serial
    taken = TAKEN if len(partial.choices) == 1 and partial.lanes == slots and not serial else 0
    partial = _convert(partial, 1 if serial else slots)
    if collected:
        partial = _registered(partial, slots)
    delay = partial.last + serial + FOLDED_CYCLES + choice.delay - taken
    return partial.paying(
        choice.price(serial), first=delay + shape.first, last=delay + shape.last, ii=max(partial.ii, choice.cycles),
        elements=shape.units * shape.beats, lanes=shape.units, bits=bits(choice.layer.odt), folded=max(partial.folded, choice.cycles),
    )


def close(partial: Partial) -> Partial:
    """With the end of its bit-plane core, if it is in one."""
    if not partial.in_core:
        return partial
    choice = partial.choices[-1]
    latency, ii = 1 + partial.core_cycles, partial.core_ii
    partial = replace(partial.paying(choice.part("last")), core_cycles=0, core_ii=1)
    return _credited(partial, choice.layer.MH, bits(choice.layer.odt), latency, ii)


def finish(partial: Partial) -> Partial:
    """With what stands behind the last layer."""
    style, last, labels = partial.choices[-1].style, partial.choices[-1].last_layer, partial.accelerator.labels
    partial = close(partial)
    if labels is not None and style != "unrolled":
        partial = replace(_convert(partial, partial.elements), elements=last.MH, lanes=last.MH)
        core = label_core(last.MH, last.odt, labels, "label", last.folding.registers_every)
        partial = partial.paying(Price.of("unrolled", core.counts))
        return _credited(partial, 1, core.output_bits, core.latency, 1)
    if style != "folded":
        return partial
    lanes = partial.lanes_out
    if partial.choices[-1].shape.natural and joinable(partial.lanes, lanes):
        return _convert(partial, lanes)
    partial = replace(_convert(partial, partial.elements), elements=last.MH, lanes=last.MH)
    if lanes < last.MH:
        partial = _registered(partial, last.MH)
    return _convert(partial, lanes)


def walk(accelerator: Accelerator, choices: Sequence[Choice]) -> Partial:
    partial = begin(accelerator, choices[0], max((choice.cycles for choice in choices if isinstance(choice, Folded)), default=1))
    for choice in choices:
        partial = extend(partial, choice)
    return finish(partial)


def choices_of(accelerator: Accelerator) -> list[Choice]:
    """What the layers' foldings say, not settled."""
    layers = accelerator.layers
    windowed = [False, *(is_windowed(layer) for layer in layers)]
    found: list[Choice] = []
    for style, group in groupby(range(len(layers)), key=lambda place: layers[place].folding.style):
        places = list(group)
        if style == "unrolled":
            labels = accelerator.labels if places[-1] == len(layers) - 1 else None
            found.append(Unrolled(tuple(layers[place] for place in places), layers[places[0]].folding, labels))
        elif style == "folded":
            found += [Folded((layers[place],), layers[place].folding) for place in places]
        else:
            found += [Planes((layers[place],), layers[place].folding, windowed[place]) for place in places]
    return found


def estimate(accelerator: Accelerator) -> Estimate:
    """For the foldings that the accelerator's layers have, every row counted."""
    choices = choices_of(accelerator)
    for choice in choices:
        while not choice.settled:
            choice.settle(exact=True)
    built = walk(accelerator, choices)
    layers = tuple(share for choice, price in zip(choices, built.prices) for share in shares(choice, price))
    total = built.total
    return Estimate(round(total.lut), round(total.ff), total.bram, total.dsp, built.ii, built.last, layers)


def shares(choice: Choice, price: Price) -> list[LayerEstimate]:
    """The price of a choice for each of its layers: of an unrolled core by their nonzeros, but for the input end, which has one for each
    input whatever it takes: that is counted by itself."""
    found = []
    for layer, share in zip(choice.layers, parts(choice)):
        part = price * share
        found.append(LayerEstimate(layer.name, round(part.lut), round(part.ff), price.bram, price.dsp, choice.cycles))
    return found


def parts(choice: Choice) -> list[float]:
    """Of each layer, adding up to 1."""
    nonzeros = sum(layer.nonzeros for layer in choice.layers)
    others = nonzeros - choice.layers[0].nonzeros
    if choice.layers[0].name != LAYER or not others:
        return [layer.nonzeros / nonzeros if nonzeros else 1 / len(choice.layers) for layer in choice.layers]
    alone, behind = (sum(unrolled_counts(layers, None)[0][name] for name in ("functions", "columns", "delays"))
                     for layers in (choice.layers[:1], choice.layers[1:]))
    first = alone / max(1, alone + behind)
    return [first, *((1 - first) * layer.nonzeros / others for layer in choice.layers[1:])]


def label_bits(labels) -> int:
    return max(1, int(max(labels)).bit_length())


def _with(partial: Partial, choice: Choice) -> Partial:
    prices = (*partial.prices, Price()) if partial.choices else partial.prices
    return replace(partial, choices=(*partial.choices, choice), prices=prices)


def _credited(partial: Partial, elements: int, width: int, latency: int, ii: int) -> Partial:
    """With the credits around a core and its output memory; of an accelerator where nothing waits, with the valids beside it."""
    waits = partial.accelerator.interface == "stream"
    done = partial.last + latency + waits
    price = credit_price(elements * width, latency, ii) if waits else valid_price(latency, ii)
    return partial.paying(price, first=done, last=done, elements=elements, lanes=elements, bits=width)


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


def least_lanes(elements: int, cycles: int) -> int:
    """The fewest elements a beat that bring a frame in `cycles`."""
    return min(lanes for lanes in range(1, elements + 1) if elements % lanes == 0 and elements // lanes <= cycles)
