"""Style, PE, SIMD and digits of every layer: least area at a rate, or the best rate in an area.

For a wanted number of cycles, every choice for a layer that is fast enough may follow every choice for the layer before. The
cost of a chain is the sum of its choices and of what joins neighbours, so the least is found layer by layer (dynamic programming); a
choice of style unrolled is a whole core, of one layer or of several. A state keeps what the rest of the chain can feel of its past: the
stream that it ends in, and the bit-plane core that is still open. States that another one beats in all that counts are dropped.
Choices begin as lower bounds; those on the best chain are counted, and the search repeated, until the best chain is counted in full:
no other can be cheaper. With less speed asked for, no area grows, so the best rate in an area is found by halving.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import isqrt

from finn_steps.accelerator import Accelerator, Folding, SparseLayer
from finn_steps.folding.choice import Choice, Folded, Planes, Price, Unrolled, styles_of
from finn_steps.folding.core_counts import is_windowed
from finn_steps.folding.cost import Partial, begin, extend, walk
from finn_steps.folding.folded_counts import facts_of
from finn_steps.folding.schedule import LEAST_CYCLES
from finn_steps.rtl.serial import DELAYS
from finn_steps.tools.progress import tell

RATE_TOLERANCE = 1.02
"""Cycles from frame to frame may be by this factor more than the fewest that fit into an area."""

BEAM = 8
"""States of a layer from which a quick search goes on: what it finds bounds the whole search."""
SIDE_BY_SIDE = 20_000
"""Nonzeros of a layer from which on a thread of its own pays."""
ROUNDING = 1e-6
"""More than sums of areas differ by in another order."""

CUTS = (0, 0.25, 0.5, 0.75)
"""Shares of the block RAMs that a layer would take: with so many only."""
MORE = ((1, 1.06), (2, 1.16), (3, 1.3))
"""Lanes beyond the fewest that are tried: by so many at least, and by this factor. Their owners have fewer inputs, and wait."""
FEW_INPUTS = (2, 4, 8)
"""Of so many inputs a lane chooses with one LUT a bit or two."""


@dataclass(frozen=True)
class Limits:
    """What must not be exceeded; None: no limit. LUTs, DSPs, 18 Kbit block RAMs, and cycles of one frame alone."""

    lut: int | None = None
    dsp: int | None = None
    bram: int | None = None
    latency: int | None = None

    def allow(self, partial: Partial) -> bool:
        """Whether this much is within the limits; what is beyond them stays so however a chain goes on."""
        return all(limit is None or much <= limit for much, limit in zip(self.taken(partial), vars(self).values()))

    @staticmethod
    def taken(partial: Partial) -> tuple[int, int, int, int]:
        """LUTs, DSPs, block RAMs, cycles of latency."""
        return round(partial.total.lut), partial.total.dsp, partial.total.bram, partial.last

    def exceeded(self, chains: list[Partial]) -> Limits:
        """Those that one of the chains is beyond; all where none is."""
        limits = tuple(vars(self).values())
        beyond = [any(limit is not None and self.taken(chain)[place] > limit for chain in chains) for place, limit in enumerate(limits)]
        return Limits(*(limit if over else None for limit, over in zip(limits, beyond))) if any(beyond) else self

    def figures(self, price: Price) -> list[float]:
        """All of a price in which a smaller one can be worth having."""
        limited = [(price.lut, self.lut), (price.dsp, self.dsp), (price.bram, self.bram)]
        if all(limit is None for _, limit in limited):
            return [price.area]
        return [price.area, *(much for much, limit in limited if limit is not None)]

    def __str__(self) -> str:
        names = {"lut": "LUT", "dsp": "DSP", "bram": "block RAMs", "latency": "cycles of latency"}
        return " and ".join(f"{value} {names[name]}" for name, value in vars(self).items() if value is not None)


class Tuner:
    """All ways to build an accelerator in some `styles` (None: all that its interface allows), counted as far as searches have asked."""

    def __init__(self, accelerator: Accelerator, registers_every: int = 1, styles: tuple[str, ...] | None = None):
        self.accelerator, self.registers_every, self.styles = accelerator, registers_every, styles or styles_of(accelerator)
        styles = self.styles
        self.choices = [choices_ending_at(accelerator, place, registers_every, styles) for place in range(len(accelerator.layers))]
        self._made: dict[tuple[int, Folding], Choice] = {}
        self._counted = 0

    @property
    def slowest(self) -> int:
        """Cycles from frame to frame beyond which nothing gets smaller."""
        cycles = [choice.cycles for choices in self.choices for choice in choices]
        if "serial" in self.styles:
            cycles += [folding.max_cycles for layer in self.accelerator.layers for folding in serial_foldings(layer, 1)]
        return 2 * max(cycles)

    def least_area(self, target_ii: int, limits: Limits = Limits()) -> Partial | None:
        """The chain of least area that takes a frame every `target_ii` cycles, all counted; None where there is none. Where block RAMs
        are too few for all memories that they are cheapest for, some memories may be cut, or be logic."""
        found = self._least_area(target_ii, limits)
        if limits.bram is None or target_ii < LEAST_CYCLES:
            return found
        free = self._least_area(target_ii, replace(limits, bram=None))
        return self._least_area(target_ii, limits, cut=True) if free and free.total.bram > limits.bram else found

    def _least_area(self, target_ii: int, limits: Limits, cut: bool = False) -> Partial | None:
        while True:
            best = self._search(target_ii, limits, cut)
            if best is None:
                return None
            open_choices = [choice for choice in best.choices if not choice.settled]
            if not open_choices:
                return best
            for choice in open_choices:
                self._counted += 1
                tell(f"{' and '.join(layer.name for layer in choice.layers)}, {choice.style}: count {self._counted}")
            settle(open_choices)

    def best_rate(self, limits: Limits) -> Partial | None:
        """The fastest chain within the limits, to RATE_TOLERANCE, of those the smallest; None where there is none."""
        best = self.least_area(1, limits) or self.least_area(self.slowest, limits)
        low = 1
        while best is not None and best.ii > low + 1 and best.ii > RATE_TOLERANCE * low:
            middle = max(low + 1, isqrt(low * best.ii))
            found = self.least_area(middle, limits)
            low, best = (low, found) if found else (middle, best)
        return best

    def _search(self, target_ii: int, limits: Limits, cut: bool) -> Partial | None:
        fast = [self._fast(place, target_ii, limits) for place in range(len(self.choices))]
        if cut:
            fast = [choices + self._cut(place, choices) for place, choices in enumerate(fast)]
        choices = [thinned(ending, limits) for ending in fast]
        quick = self._chain(choices, target_ii, limits, math.inf, BEAM)
        most = quick.area + self._spread(choices[0], target_ii) if quick else math.inf
        return self._chain(choices, target_ii, limits, most)

    def _spread(self, choices: list[Choice], target_ii: int) -> float:
        """What a chain's area can fall by when its input comes in the beats of a slower folded layer than the first."""
        alone = [[extend(begin(self.accelerator, choice, cycles), choice).area for cycles in (choice.cycles, target_ii)]
                 for choice in choices if isinstance(choice, Folded)]
        return max([fast - slow for fast, slow in alone] + [0.0])

    def _chain(self, choices: list[list[Choice]], target_ii: int, limits: Limits, most: float, beam: int | None = None) -> Partial | None:
        """The chain of least area, of those of at most `most`; with `beam`, of those that go on from a layer's `beam` smallest states."""
        rest, ends = rest_of(choices), []
        for place, ending in enumerate(choices):
            reached = []
            for choice in ending:
                before = place - len(choice.layers)
                starts = ends[before] if before >= 0 else [begin(self.accelerator, choice, choice.cycles)]
                left = most - least_area_of(choice) - rest[place + 1] + ROUNDING
                reached += [extend(state, choice) for state in starts if state.area <= left and not both_unrolled(state, choice)]
            kept = undominated([state for state in reached if state.area + rest[place + 1] <= most + ROUNDING], limits)
            ends.append(sorted(kept, key=lambda state: state.area)[:beam])
        whole = (walk(self.accelerator, state.choices) for state in ends[-1])
        done = [state for state in whole if limits.allow(state) and state.ii <= target_ii]
        return min(done, key=lambda state: (state.area, state.last, state.total.ff), default=None)

    def _fast(self, place: int, target_ii: int, limits: Limits) -> list[Choice]:
        """The choices ending at this layer that may take a frame every `target_ii` cycles. Every cycle: unrolled alone, since folded
        layers take LEAST_CYCLES, and bit planes that see all their bits at once are an unrolled layer behind a register."""
        layer, found = self.accelerator.layers[place], list(self.choices[place])
        if target_ii == 1:
            return [choice for choice in found if choice.style == "unrolled"]
        if "folded" in self.styles:
            found += [self._make(place, folding) for folding in foldings_for(layer, target_ii, limits)]
        if "serial" in self.styles:
            foldings = serial_foldings(layer, self.registers_every)
            found += [self._make(place, folding) for folding in foldings if folding.max_cycles <= target_ii]
        return [choice for choice in found if choice.cycles <= target_ii]

    def _cut(self, place: int, choices: list[Choice]) -> list[Choice]:
        """The folded ones of these with fewer block RAMs than they would take."""
        blocks = [(choice.folding, choice.price(False).bram) for choice in choices if isinstance(choice, Folded)]
        return [self._make(place, replace(folding, blocks=number)) for folding, most in blocks
                for number in sorted({int(most * share) for share in CUTS if most})]

    def _make(self, place: int, folding: Folding) -> Choice:
        if (place, folding) not in self._made:
            self._made[place, folding] = one_layer(self.accelerator.layers, place, folding)
        return self._made[place, folding]


def settle(choices: list[Choice]) -> None:
    """Large folded layers side by side: most of a schedule is made in C++, where Python's lock is free."""
    large = [choice for choice in choices if isinstance(choice, Folded) and choice.layer.nonzeros >= SIDE_BY_SIDE]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda choice: choice.settle(), large if len(large) > 1 else ()))
    for choice in choices:
        if not choice.settled:
            choice.settle()


def rest_of(choices: list[list[Choice]]) -> list[float]:
    """The area that the layers from each one on cannot be below, whatever joins them; 0 behind the last."""
    rest = [math.inf] * len(choices) + [0.0]
    for place in reversed(range(len(choices))):
        for choice in choices[place]:
            first = place + 1 - len(choice.layers)
            rest[first] = min(rest[first], least_area_of(choice) + rest[place + 1])
    return rest


def least_area_of(choice: Choice) -> float:
    """What a choice takes wherever it stands, at the least."""
    if isinstance(choice, Folded):
        return min(choice.price(serial).area for serial in (False, True))
    return choice.part("body").area if isinstance(choice, Planes) else choice.price.area


def both_unrolled(state: Partial, choice: Choice) -> bool:
    """Neighbours of style unrolled are one core, and one choice."""
    return bool(state.choices) and state.choices[-1].style == choice.style == "unrolled"


def choices_ending_at(accelerator: Accelerator, place: int, registers_every: int, styles: tuple[str, ...]) -> list[Choice]:
    """Every choice whose last layer is number `place`."""
    layers = accelerator.layers
    found: list[Choice] = []
    for folding in foldings_of(layers[place], registers_every, styles):
        if folding.style == "unrolled":
            labels = accelerator.labels if place == len(layers) - 1 else None
            found += [Unrolled(layers[first: place + 1], folding, labels) for first in range(place + 1)]
        else:
            found.append(one_layer(layers, place, folding))
    return found


def one_layer(layers: tuple[SparseLayer, ...], place: int, folding: Folding) -> Choice:
    """Layer number `place` alone, of a style but unrolled."""
    if folding.style == "folded":
        return Folded((layers[place],), folding)
    return Planes((layers[place],), folding, place > 0 and is_windowed(layers[place - 1]))


def serial_foldings(layer: SparseLayer, registers_every: int) -> list[Folding]:
    """Every number of cycles that makes a serial layer another one."""
    return [Folding("serial", max_cycles=layer.input_width + delay, registers_every=registers_every) for delay in DELAYS]


def foldings_of(layer, registers_every: int, styles: tuple[str, ...]) -> list[Folding]:
    """What the layer can be at any rate: of digits those that make a difference, PE and SIMD that divide."""
    found = [Folding("unrolled", registers_every=registers_every)] if "unrolled" in styles else []
    if "bitplane" in styles:
        width = layer.input_width
        counts = sorted({-(-width // -(-width // phases)) for phases in range(min(2, width), width + 1)})
        found += [Folding("bitplane", digits=-(-width // phases), registers_every=registers_every) for phases in counts]
    if "folded" in styles:
        found += [Folding("folded", PE, SIMD) for PE in divisors(layer.MH) for SIMD in divisors(layer.MW)]
    return found


def foldings_for(layer: SparseLayer, target_ii: int, limits: Limits) -> list[Folding]:
    """Folded ones that could do with `target_ii` cycles, told that they may take them all: every PE that makes another number of
    rows for each (of those that differ by little, one), with the least SIMD, some more, the next divisor of MW, and lanes of FEW_INPUTS."""
    found: list[Folding] = []
    if target_ii < LEAST_CYCLES:
        return found
    longest = facts_of(layer).longest
    for PE in spaced({-(-layer.MH // rows) for rows in range(1, layer.MH + 1)}):
        least = max(-(-layer.nonzeros // (PE * target_ii)), -(-longest // target_ii), 1)
        if -(-layer.MH // PE) <= target_ii and least <= layer.MW:
            divisor = min(divisor for divisor in divisors(layer.MW) if divisor >= least)
            more = {min(layer.MW, max(least + extra, round(ratio * least))) for extra, ratio in MORE}
            few = {-(-layer.MW // inputs) for inputs in FEW_INPUTS if -(-layer.MW // inputs) >= least}
            found += [Folding("folded", PE, SIMD, max_cycles=target_ii) for SIMD in sorted({least, divisor} | more | few)]
    if limits.dsp:
        found += [replace(folding, products="dsp") for folding in found]
    return found


def spaced(numbers: set[int], ratio: float = 1.15) -> list[int]:
    """Ascending; of those within `ratio` of one that is taken already, none."""
    taken: list[int] = []
    for number in sorted(numbers):
        if not taken or number >= ratio * taken[-1]:
            taken.append(number)
    return taken


def thinned(choices: list[Choice], limits: Limits) -> list[Choice]:
    """Without the folded choices that another one beats while their neighbours cannot tell them apart. (Whether inputs come one a
    beat hangs on the cycles: those near the number of inputs are kept apart. So are those whose cycles decide the beats of the answer.)"""
    kept: dict[tuple, list[tuple[tuple, Choice]]] = {}
    others = []
    for choice in choices:
        if not isinstance(choice, Folded):
            others.append(choice)
            continue
        MW, shape = choice.layer.MW, choice.shape
        reach = -1 if shape.cycles < MW else shape.cycles if shape.cycles < 2 * MW else 0
        figures = [figure for serial in (False, True) for figure in limits.figures(choice.price(serial))]
        if limits.latency is not None:
            figures += [choice.delay + shape.first, choice.delay + shape.last]
        _keep_best(kept.setdefault((shape.units, shape.beats, reach), []), tuple(figures), choice)
    return others + [choice for best in kept.values() for _, choice in best]


def _keep_best(kept: list[tuple[tuple, object]], figures: tuple, item) -> None:
    """Add to `kept` what none there equals or beats in all figures, and drop those that it beats."""
    if not any(all(a <= b for a, b in zip(other, figures)) for other, _ in kept):
        kept[:] = [(other, it) for other, it in kept if not all(b <= a for a, b in zip(other, figures))]
        kept.append((figures, item))


def undominated(states: list[Partial], limits: Limits) -> list[Partial]:
    """Of states whose futures are alike, those that no other one beats."""
    alike: dict[tuple, list[tuple[tuple, Partial]]] = {}
    for state in states:
        if not limits.allow(state):
            continue
        last = state.choices[-1]
        stream = (id(last), state.core_cycles, state.core_ii) if state.in_core else last.style
        key = (stream, state.elements, state.lanes, state.bits, state.lanes_out)
        figures = limits.figures(state.total) + ([state.first, state.last] if limits.latency is not None else [])
        _keep_best(alike.setdefault(key, []), tuple(figures), state)
    return [state for kept in alike.values() for _, state in kept]


def divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
