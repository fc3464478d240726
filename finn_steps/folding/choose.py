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
    """choose_foldings for which `count` says at most `lut` LUTs too: where it says more, the estimate's budget shrinks in proportion."""
    allowed = replace(limits, lut=min(lut, limits.lut or lut))
    for _ in range(ATTEMPTS):
        chosen = choose_foldings(accelerator, target_ii, allowed, registers_every)
        taken = count(accelerator.with_foldings(chosen))
        if taken <= lut:
            return chosen
        allowed = replace(allowed, lut=int(allowed.lut * MARGIN * lut / taken))
    raise ValueError(f"{accelerator.name}: nothing within {lut} LUT was found by synthesis; the last of {ATTEMPTS} choices took {taken}")


def foldings(built: Partial) -> dict[str, Folding]:
    return {layer.name: choice.folding for choice in built.choices for layer in choice.layers}


def impossible(name: str, tuner: Tuner, target_ii: int | None, limits: Limits) -> str:
    """One sentence: what cannot be, and what can."""
    nearest = [tuner.best_rate(limits)] if target_ii is not None else []
    if target_ii is not None:
        nearest.append(tuner.least_area(target_ii))
    elif limits.latency is not None:
        nearest.append(tuner.best_rate(Limits(latency=limits.latency)))
    nearest.append(tuner.least_area(tuner.slowest))
    if limits.latency is not None:
        nearest.append(least_latency(tuner, target_ii))
    nearest = [built for built in nearest if built is not None]
    rate = "" if target_ii is None else f" at one inference {every(target_ii)}"
    told = "; ".join(dict.fromkeys(figures(built) for built in nearest))
    return f"{name}: nothing within {limits.exceeded(nearest)}{rate} is possible by the estimate; possible are {told}"


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
