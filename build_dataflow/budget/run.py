"""Train to a budget: several ladders from large to small, every rung priced, the best one fitted for longer, built and verified."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import click

from build_dataflow.budget.budget import Budget, Cost, Priced, chosen, front
from build_dataflow.budget.jobs import Arm, climb_down, dataset, float_twin, polish, tensors_of
from build_dataflow.budget.pool import pool
from build_dataflow.budget.show import Table, neighbours, write_front
from build_dataflow.budget.written import count, floor_of, write_network
from models.configuration import TrainConfig
from models.float_start import told
from models.own import told_ids

LONG = 6
"""Epochs of the last fits, as multiples of a rung's."""
SEEDS = (1, 2)
HOPED = 0.95
"""Share of the budget that the last fits aim at, by the estimate corrected by what synthesis counted."""
ROUNDS = 3
LEAST_WIDTH = 8


def train_to_budget(config: TrainConfig, folder: Path, budget: Budget, words: list[str], quick: bool, workers: int | None) -> None:
    """Everything of one budget, into `folder` and build/<its name>. ValueError where the budget cannot be met, with what can."""
    root = folder / "rungs"
    data = dataset(config.dataset, config.label, config.drop, config.task)
    notes = [*told_ids(data), *(told(config, tensors_of(config)[1]) if config.float_start else ())]
    floor_of(config, budget)
    arms = {arm.name: arm for arm in arms_of(config)[:1 if quick else None]}
    with Table(folder, budget) as table, pool(workers) as submit:
        for line in notes:
            table.note(line)
        twin = submit(float_twin, config, root)
        priced = gathered([submit(climb_down, arm, root, budget) for arm in arms.values()], table, root, budget)
        float_accuracy = twin.result()
        table.note(f"float twin: {float_accuracy['validation']:.4f} on validation")
        best = chosen(priced, budget, float_accuracy["validation"])
        factor = 1.0
        for number in range(ROUNDS):
            if best is None:
                break
            best = counted(best, budget, table)
            priced = [best if one.rung == best.rung else one for one in priced]
            factor = best.cost.counted / best.cost.lut
            if number == 0 and budget.max_loss is None:
                fitted = [submit(polish, *task) for task in last_fits(priced, budget, factor, arms, root)]
                priced += [fit.result() for fit in fitted]
                table.add(priced)
            again = chosen(priced, budget, float_accuracy["validation"], factor)
            if again is not None and again.rung == best.rung and again.within(budget):
                break
            best = again
        priced, best = settled(priced, best, budget, float_accuracy["validation"], factor, table)
    write_front(front(priced, budget), folder)
    if best is None:
        raise ValueError(impossible(budget, priced, float_accuracy["validation"], folder))
    build_folder = Path("build") / folder.resolve().name
    command = shlex.join(["train", *words, *budget_words(budget), *(["--quick"] if quick else [])])
    write_network(best, arms[best.rung.arm].config, data, folder, command, float_accuracy, budget, build_folder)
    for line in neighbours(best, front(priced, budget)):
        click.echo(line)


def arms_of(config: TrainConfig) -> list[Arm]:
    """The ways that are tried: as asked, with fewer bits, with half the neurons, and by the other measure of a weight."""
    other = "magnitude" if config.saliency[0] == "fisher" else "fisher"
    changes = {
        "as asked": {},
        "fewer bits": {"weight_bits": fewer(config.weight_bits, 4), "activation_bits": fewer(config.activation_bits, 3)},
        "half as wide": {"hidden": [max(LEAST_WIDTH, width // 2) for width in config.hidden]},
        other: {"saliency": [other]},
    }
    found: dict[TrainConfig, Arm] = {}
    for name, fields in changes.items():
        if name == "half as wide" and config.float_start:
            continue
        changed = config.with_fields(method="qap", **fields)
        found.setdefault(changed, Arm(name, changed))
    return list(found.values())


def fewer(bits, least: int):
    """One bit less, but not below `least`."""
    return tuple(fewer(one, least) for one in bits) if isinstance(bits, tuple) else bits if bits == 32 else max(min(bits, least), bits - 1)


def gathered(futures: Sequence[Future], table: Table, root: Path, budget: Budget) -> list[Priced]:
    """All rungs of all arms; meanwhile the table shows what is there."""
    while not all(future.done() for future in futures):
        table.watch(root, budget)
    found = [one for future in futures for one in future.result()]
    table.add(found)
    return found


def last_fits(priced: list[Priced], budget: Budget, factor: float, arms: dict[str, Arm], root: Path) -> list[tuple]:
    """Tasks for jobs.polish: the best arm, at the share of weights that by the estimate just keeps the budget, with two orders of
    the samples."""
    best = max((one for one in priced if one.within(budget, factor)), key=lambda one: one.rung.accuracy, default=None)
    if best is None:
        return []
    arm = [one for one in priced if one.rung.arm == best.rung.arm]
    share = share_at(arm, budget, factor)
    above = next((one.rung for one in reversed(arm) if one.rung.remaining > share * 1.02), None)
    if above is None:
        return []
    config = arms[best.rung.arm].config
    return [(arms[best.rung.arm], root, budget, above.key, share, LONG * config.epochs, seed) for seed in SEEDS]


def share_at(arm: list[Priced], budget: Budget, factor: float) -> float:
    """The share of weights of an arm that takes HOPED of the budget: between two rungs in proportion."""
    rungs = [one for one in arm if one.cost is not None]
    fits = [one for one in rungs if one.within(budget, factor)]
    if budget.lut is None or not fits:
        return rungs[-1].rung.remaining
    below = max(fits, key=lambda one: one.rung.remaining)
    beyond = [one for one in rungs if one.rung.remaining > below.rung.remaining]
    if not beyond:
        return below.rung.remaining
    over, goal = beyond[-1], HOPED * budget.lut / factor
    part = (goal - below.cost.lut) / max(1, over.cost.lut - below.cost.lut)
    span = over.rung.remaining - below.rung.remaining
    return round(below.rung.remaining + min(max(part, 0.0), 0.9) * span, 5)


def counted(one: Priced, budget: Budget, table: Table) -> Priced:
    """With its LUTs by synthesis."""
    if one.cost.counted is not None:
        return one
    table.note(f"synthesising {one.rung.arm}, {one.rung.nonzeros} weights")
    return replace(one, cost=replace(one.cost, counted=count(one, budget)))


def settled(priced: list[Priced], best: Priced | None, budget: Budget, float_accuracy: float, factor: float, table: Table):
    """(all rungs, the best that keeps the budget by synthesis): where the choice does not, the next one is counted."""
    while best is not None:
        best = counted(best, budget, table)
        priced = [best if one.rung == best.rung else one for one in priced]
        if best.within(budget):
            return priced, best
        best = chosen(priced, budget, float_accuracy, max(factor, best.cost.counted / best.cost.lut))
    return priced, None


def impossible(budget: Budget, priced: list[Priced], float_accuracy: float, folder: Path) -> str:
    """One sentence: what cannot be, as it was asked for, and the nearest in each direction."""
    known = [one for one in priced if one.cost is not None]
    told = []
    if known:
        smallest = min(known, key=lambda one: one.cost.luts)
        best = max(known, key=lambda one: one.rung.accuracy)
        quickest = min(known, key=lambda one: one.cost.latency_ns)
        told = dict.fromkeys(f"{figures(one.cost)} at {one.rung.accuracy:.4f}" for one in (smallest, best, quickest))
    else:
        told = [f"about {min(one.roughly for one in priced):,} LUT"]
    return (f"nothing trained keeps {budget} (float twin {float_accuracy:.4f}); possible are {'; '.join(told)}; all of it is in "
            f"{folder / 'front.csv'}")


def figures(cost: Cost) -> str:
    return f"{cost.luts:,} LUT and {cost.latency_ns:.0f} ns"


def budget_words(budget: Budget) -> list[str]:
    clock = ":".join(f"{period:g}" for period in dict.fromkeys(budget.clock_ns)) if budget.clock is not None else None
    given = {"--lut": budget.lut, "--latency-ns": budget.latency_ns, "--max-loss": budget.max_loss, "--clock-ns": clock,
             "--part": budget.part if budget.part != Budget.part else None}
    return [word for option, value in given.items() if value is not None for word in (option, f"{value:g}" if isinstance(value, float) else str(value))]
