"""The folding of every layer for what a build wants, and a plain answer where that cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.folding.asked import Wanted
from finn_steps.folding.cost import Partial
from finn_steps.folding.tune import Limits, Tuner

ATTEMPTS = 4
"""Choices that are counted before a budget is given up."""
MARGIN = 0.99


def choose_foldings(
    accelerator: Accelerator, target_ii: int | None, limits: Limits = Limits(), registers_every: int = 1, wanted: Wanted = Wanted(),
) -> dict[str, Folding]:
    """Layer name -> Folding: the least area that takes a frame every `target_ii` cycles at the most, or, without a target,
    the best rate within the limits (without limits a frame every cycle).

    ValueError, naming the nearest that is possible, where no folding is within the limits; `wanted` is what was asked for in ns and
    inferences a second, of which target_ii and limits.latency are the cycles: the error speaks of it.
    """
    if target_ii is None and limits == Limits():
        target_ii = 1
    tuner = Tuner(accelerator, registers_every)
    best = tuner.best_rate(limits) if target_ii is None else tuner.least_area(target_ii, limits)
    if best is None:
        raise ValueError(impossible(accelerator.name, tuner, target_ii, limits, wanted))
    return foldings(best)


def choose_within(
    lut: int, count: Callable[[Accelerator], int], accelerator: Accelerator, target_ii: int | None, limits: Limits,
    registers_every: int = 1, wanted: Wanted = Wanted(),
) -> dict[str, Folding]:
    """choose_foldings for which `count` says at most `lut` LUTs too: where it says more, the estimate's budget shrinks in proportion.
    The budget of an error is the one that was asked for."""
    allowed, counts = replace(limits, lut=min(lut, limits.lut or lut)), []
    while len(counts) < ATTEMPTS:
        try:
            chosen = choose_foldings(accelerator, target_ii, allowed, registers_every, wanted)
        except ValueError:
            if not counts:
                raise
            break
        counts.append(count(accelerator.with_foldings(chosen)))
        if counts[-1] <= lut:
            return chosen
        allowed = replace(allowed, lut=int(allowed.lut * MARGIN * lut / counts[-1]))
    limits = replace(limits, lut=lut)
    told = nearest(Tuner(accelerator, registers_every), target_ii, limits, wanted)
    raise ValueError(f"{accelerator.name}: nothing within {within(limits, wanted)}{at_rate(target_ii, wanted)} was found by synthesis, which "
                     f"counted {min(counts)} LUT at least; by the estimate possible are {told}")


def foldings(built: Partial) -> dict[str, Folding]:
    return {layer.name: choice.folding for choice in built.choices for layer in choice.layers}


def impossible(name: str, tuner: Tuner, target_ii: int | None, limits: Limits, wanted: Wanted = Wanted()) -> str:
    """One sentence: what cannot be, and what can."""
    built = neighbours(tuner, target_ii, limits)
    other = "; --clock-ns MIN:MAX tries other clocks" if wanted.latency_ns is not None else ""
    return (f"{name}: nothing within {within(limits.exceeded(built), wanted)}{at_rate(target_ii, wanted)} is possible by the estimate; "
            f"possible are {nearest(tuner, target_ii, limits, wanted)}{other}")


def nearest(tuner: Tuner, target_ii: int | None, limits: Limits, wanted: Wanted) -> str:
    return "; ".join(dict.fromkeys(figures(built, wanted) for built in neighbours(tuner, target_ii, limits)))


def within(limits: Limits, wanted: Wanted) -> str:
    """The limits as they were asked for: a latency in ns where it was."""
    if limits.latency is None or wanted.latency_ns is None:
        return str(limits)
    area = str(replace(limits, latency=None))
    return f"{area}{' and ' if area else ''}{wanted.latency_ns:g} ns of latency ({limits.latency} cycles of {wanted.clock_ns[0]:g} ns)"


def neighbours(tuner: Tuner, target_ii: int | None, limits: Limits) -> list[Partial]:
    """What can be had when one limit after the other is given up."""
    found = [tuner.best_rate(limits)] if target_ii is not None else []
    if target_ii is not None:
        found.append(tuner.least_area(target_ii))
    elif limits.latency is not None:
        found.append(tuner.best_rate(Limits(latency=limits.latency)))
    found.append(tuner.least_area(tuner.slowest))
    if limits.latency is not None:
        found.append(least_latency(tuner, target_ii))
    return [built for built in found if built is not None]


def at_rate(target_ii: int | None, wanted: Wanted) -> str:
    if target_ii is None:
        return ""
    asked = f" at {wanted.fps:,.10g} inferences a second," if wanted.fps is not None else " at"
    return f"{asked} one inference {every(target_ii)}"


def least_latency(tuner: Tuner, target_ii: int | None) -> Partial | None:
    """The chain of least latency, found by halving."""
    best = tuner.least_area(target_ii or tuner.slowest)
    low = 0
    while best is not None and low + 1 < best.last:
        middle = (low + best.last) // 2
        found = tuner.least_area(target_ii or tuner.slowest, Limits(latency=middle))
        low, best = (low, found) if found else (middle, best)
    return best


def figures(built: Partial, wanted: Wanted) -> str:
    """Of a chain: times in ns too where they were asked for."""
    blocks = f" and {built.total.bram} block RAMs" if built.total.bram else ""
    times = "" if wanted.latency_ns is None else f" ({built.last * wanted.clock_ns[0]:g} ns)"
    rate = "" if wanted.fps is None else f" ({1e9 / (built.ii * wanted.clock_ns[0]):,.0f} a second)"
    return f"{round(built.total.lut)} LUT{blocks} at one inference {every(built.ii)}{rate} with {built.last} cycles of latency{times}"


def every(cycles: int) -> str:
    return "a cycle" if cycles == 1 else f"in {cycles} cycles"
