"""The folding of every layer for what a build wants, and a plain answer where that cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.folding.cost import Partial
from finn_steps.folding.tune import Limits, Tuner

ATTEMPTS = 4
"""Choices that are counted before a budget is given up."""
MARGIN = 0.99


def choose_foldings(
    accelerator: Accelerator, target_ii: int | None, limits: Limits = Limits(), registers_every: int = 1,
) -> dict[str, Folding]:
    """Layer name -> Folding: the least area that takes a frame every `target_ii` cycles at the most, or, without a target,
    the best rate within the limits (without limits a frame every cycle).

    ValueError, naming the nearest that is possible, where no folding is within the limits.
    """
    if target_ii is None and limits == Limits():
        target_ii = 1
    tuner = Tuner(accelerator, registers_every)
    best = tuner.best_rate(limits) if target_ii is None else tuner.least_area(target_ii, limits)
    if best is None:
        raise ValueError(impossible(accelerator.name, tuner, target_ii, limits))
    return foldings(best)


def choose_within(
    lut: int, count: Callable[[Accelerator], int], accelerator: Accelerator, target_ii: int | None, limits: Limits,
    registers_every: int = 1,
) -> dict[str, Folding]:
    """choose_foldings for which `count` says at most `lut` LUTs too: where it says more, the estimate's budget shrinks in proportion.
    The budget of an error is the one that was asked for."""
    allowed, counts = replace(limits, lut=min(lut, limits.lut or lut)), []
    while len(counts) < ATTEMPTS:
        try:
            chosen = choose_foldings(accelerator, target_ii, allowed, registers_every)
        except ValueError:
            if not counts:
                raise
            break
        counts.append(count(accelerator.with_foldings(chosen)))
        if counts[-1] <= lut:
            return chosen
        allowed = replace(allowed, lut=int(allowed.lut * MARGIN * lut / counts[-1]))
    told = nearest(Tuner(accelerator, registers_every), target_ii, replace(limits, lut=lut))
    raise ValueError(f"{accelerator.name}: nothing within {replace(limits, lut=lut)}{at_rate(target_ii)} was found by synthesis, which counted "
                     f"{min(counts)} LUT at least; by the estimate possible are {told}")


def foldings(built: Partial) -> dict[str, Folding]:
    return {layer.name: choice.folding for choice in built.choices for layer in choice.layers}


def impossible(name: str, tuner: Tuner, target_ii: int | None, limits: Limits) -> str:
    """One sentence: what cannot be, and what can."""
    built = neighbours(tuner, target_ii, limits)
    return (f"{name}: nothing within {limits.exceeded(built)}{at_rate(target_ii)} is possible by the estimate; possible are "
            f"{nearest(tuner, target_ii, limits)}")


def nearest(tuner: Tuner, target_ii: int | None, limits: Limits) -> str:
    return "; ".join(dict.fromkeys(figures(built) for built in neighbours(tuner, target_ii, limits)))


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


def at_rate(target_ii: int | None) -> str:
    return "" if target_ii is None else f" at one inference {every(target_ii)}"


def least_latency(tuner: Tuner, target_ii: int | None) -> Partial | None:
    """The chain of least latency, found by halving."""
    best = tuner.least_area(target_ii or tuner.slowest)
    low = 0
    while best is not None and low + 1 < best.last:
        middle = (low + best.last) // 2
        found = tuner.least_area(target_ii or tuner.slowest, Limits(latency=middle))
        low, best = (low, found) if found else (middle, best)
    return best


def figures(built: Partial) -> str:
    blocks = f" and {built.total.bram} block RAMs" if built.total.bram else ""
    return f"{round(built.total.lut)} LUT{blocks} at one inference {every(built.ii)} with {built.last} cycles of latency"


def every(cycles: int) -> str:
    return "a cycle" if cycles == 1 else f"in {cycles} cycles"
