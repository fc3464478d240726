"""The clock as an axis: with more adders between two registers a period is longer, and fewer of them, and of flip-flops, are needed.

For each number of adders that a range of periods allows, the tuner finds the least area at the rate and within the latency that
are wanted in ns; the least of all is taken. Periods are estimates (delay.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from finn_steps.accelerator import Accelerator
from finn_steps.folding.asked import Wanted
from finn_steps.folding.choice import styles_of
from finn_steps.folding.cost import Partial
from finn_steps.folding.delay import periods
from finn_steps.folding.tune import Limits, Tuner

TRIED = (1, 2, 3, 4, 6, 8)
"""Adders between registers: beyond the fourth each one changes less."""
UNCOUNTED = 0.05
"""What synthesis counts beyond the cost model, for each adder more between registers: jet_qap, xc7, every 1, 2, 3 and 6 adders 2,099,
2,095, 2,193 and 2,235 LUT, 1.03, 1.09, 1.14 and 1.16 of the estimate (`build jet_qap --clock-ns 5`, 6, 8 and 14.1)."""
MOST_UNCOUNTED = 4


@dataclass(frozen=True)
class ClockChoice:
    """One way to build a network: `registers_every` so many adders a register, at `clock_ns`."""

    registers_every: int
    clock_ns: float
    built: Partial

    @property
    def latency_ns(self) -> float:
        return self.built.last * self.clock_ns

    @property
    def area(self) -> float:
        """In LUTs, with what the cost model does not see of long paths."""
        return self.built.area * (1 + UNCOUNTED * (min(self.registers_every, MOST_UNCOUNTED) - 1))

    @property
    def interval_ns(self) -> float:
        """From inference to inference."""
        return self.built.ii * self.clock_ns

    def __str__(self) -> str:
        total = self.built.total
        return (f"{round(total.lut):,} LUT and {round(total.ff):,} FF with {self.latency_ns:.0f} ns of latency ({self.built.last} cycles of "
                f"{self.clock_ns:g} ns), one inference in {self.interval_ns:.1f} ns")


def clock_choices(
    accelerator: Accelerator, family: str, wanted: Wanted, limits: Limits = Limits(), styles: tuple[str, ...] | None = None,
    tried: tuple[int, ...] = TRIED,
) -> Iterator[ClockChoice]:
    """At each number of adders the least area at the rate that is wanted, within `limits` and the latency; without a rate the best
    rate there. ValueError where the range of periods holds no adder."""
    allowed = periods(accelerator, family, *wanted.clock_ns)
    for adders in tried:
        period = allowed.get(adders)
        target_ii = None if period is None else wanted.target_ii(period)
        if period is None or target_ii is not None and target_ii < 1:
            continue
        within = replace(limits, latency=wanted.latency(period))
        tuner = Tuner(accelerator, adders, styles)
        built = tuner.best_rate(within) if target_ii is None else tuner.least_area(target_ii, within)
        if built is not None:
            yield ClockChoice(adders, period, built)


def best_clock(accelerator: Accelerator, family: str, wanted: Wanted, limits: Limits = Limits()) -> ClockChoice:
    """Of clock_choices the best. ValueError, naming the nearest in each direction, where nothing meets what is wanted.

    Without a rate, a frame every cycle is tried first, of constants alone: it is counted quickly, and nothing is faster."""
    found: list[ClockChoice] = []
    if wanted.fps is None and wanted.ii is None:
        found = list(clock_choices(accelerator, family, replace(wanted, ii=1), limits, ("unrolled",)))
    found = found or list(clock_choices(accelerator, family, wanted, limits))
    if not found:
        raise ValueError(impossible(accelerator, family, wanted, limits))
    return min(found, key=lambda choice: order(choice, wanted, limits))


def order(choice: ClockChoice, wanted: Wanted, limits: Limits) -> tuple:
    """What makes a choice the better one: at a rate, or within a latency, the area; within an area alone the rate; else the latency."""
    area = choice.area, choice.built.total.ff, choice.latency_ns
    if wanted.fps is not None or wanted.ii is not None:
        return area
    if wanted.latency_ns is not None:
        return choice.built.ii, *area
    return (choice.latency_ns if limits.lut is None else choice.interval_ns), *area


def impossible(accelerator: Accelerator, family: str, wanted: Wanted, limits: Limits) -> str:
    """One sentence: what cannot be, and the fastest and the smallest that can."""
    fastest = min(clock_choices(accelerator, family, Wanted(wanted.clock_ns, ii=1), styles=("unrolled",)), key=lambda choice: choice.latency_ns)
    tuner = Tuner(accelerator, fastest.registers_every)
    smallest = ClockChoice(fastest.registers_every, fastest.clock_ns, tuner.least_area(tuner.slowest))
    asked = " and ".join(part for part in (str(wanted), str(replace(limits, latency=None))) if part)
    return f"{accelerator.name}: nothing within {asked} is possible by the estimate at any clock; possible are {fastest}; {smallest}"


def clock_points(
    accelerator: Accelerator, family: str, clock_ns: tuple[float, float], rates: tuple[int, ...], limits: Limits = Limits(),
) -> Iterator[ClockChoice]:
    """The least area at each of the `rates` (cycles) and each number of adders that the range holds."""
    for ii in rates:
        styles = ("unrolled",) if ii == 1 else styles_of(accelerator)
        yield from clock_choices(accelerator, family, Wanted(clock_ns, ii=ii), limits, styles, EXPLORED)


EXPLORED = (1, 2, 3, 4, 6)
