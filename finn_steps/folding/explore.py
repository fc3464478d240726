"""Area against rate, by the cost model: the least area of each style, and of all styles mixed, at rates from one frame a cycle down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from finn_steps.accelerator import Accelerator
from finn_steps.folding.choice import styles_of
from finn_steps.folding.cost import Partial
from finn_steps.folding.tune import Limits, Tuner

MIXED = "any"


@dataclass(frozen=True)
class Point:
    """The least area of `style` (or any) with a frame every `ii` cycles at the most."""

    style: str
    ii: int
    lut: int
    ff: int
    bram: int
    latency: int
    layers: tuple[str, ...]


def explore(accelerator: Accelerator, limits: Limits = Limits(), registers_every: int = 1) -> Iterator[Point]:
    """Points of falling area for each style alone, then for all of them; rates halve from point to point."""
    allowed = styles_of(accelerator)
    for styles, name in (*(((style,), style) for style in allowed), (allowed, MIXED)):
        tuner = Tuner(accelerator, registers_every, styles)
        before = None
        for target_ii in rates(tuner.slowest):
            best = tuner.least_area(target_ii, limits)
            if best is not None and (before is None or best.area < before.area):
                yield point_of(name, best)
                before = best


def rates(slowest: int) -> list[int]:
    """Cycles: powers of two, and some between them that bit planes and serial layers come in."""
    powers = [1 << power for power in range(slowest.bit_length() + 1)]
    return sorted({*powers, 3, 5, 6, 7, 10, 12})


def point_of(style: str, built: Partial) -> Point:
    layers = tuple(str_of(choice.folding) for choice in built.choices for _ in choice.layers)
    return Point(style, built.ii, round(built.total.lut), round(built.total.ff), built.total.bram, built.last, layers)


def str_of(folding) -> str:
    """A folding in a word: unrolled, bitplane/2, serial/12, folded/4x8."""
    detail = {"bitplane": f"/{folding.digits}", "serial": f"/{folding.max_cycles}", "folded": f"/{folding.PE}x{folding.SIMD}"}
    return folding.style + detail.get(folding.style, "")
