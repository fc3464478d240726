"""The tuner's choice against 200 random legal foldings of the same target."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import numpy as np

from finn_steps.accelerator import Accelerator, Folding, SparseLayer
from finn_steps.folding.choice import STYLES, Price
from finn_steps.folding.choose import foldings
from finn_steps.folding.cost import Partial, choices_of
from finn_steps.folding.tune import Tuner, foldings_of, serial_foldings
from tests.benchmarks.context import Context
from tests.benchmarks.designs import counted, sources
from tests.benchmarks.kept import Kept, network_content
from tests.benchmarks.networks import makers, network
from tests.benchmarks.page import Section, at_most, number
from tests.foldings import built

CASES = (("jet_qap", 4), ("jet_qap", 13), ("jet_qap", 64), ("jet_dpp", 64), ("UNSW-NB15 w2a2", 64), ("TFC_2W2A", 64))
SAMPLES, LIMIT_S, SYNTHESISED = 200, 300, 5
NEAR, ORDERS = 0.05, 4
TEXT = f"""Area in LUTs, block RAMs priced in. Random: every layer takes one of its legal foldings that keep the rate alone, until
{SAMPLES} whole networks keep it (or {LIMIT_S} s of CPU have passed); PE and SIMD are divisors, as in FINN. All are priced by the
cost model; the tuner's and the {SYNTHESISED} random ones that the model prices least are then synthesised, and the bar is held
by those: {SAMPLES} syntheses of each network would take days. Yosys counts one network differently when its hidden neurons stand
in another order ("orders": least to greatest of the tuner's folding), so where a rival is within {NEAR:.0%} of the tuner's area, that
area and every such rival's are means over {ORDERS} random orders, the same for all."""

WHY = """By the model's areas, which it minimises, the tuner's choice is never above a random one. Yosys' counts of rivals that the model
  prices alike fall either way: the spread under "orders", of one folding, is wider than what lies between them."""


def rows(context: Context) -> list[dict]:
    found = []
    for name, ii in CASES:
        if name in makers():
            simple = network(name)[1]
            parts = [sources(), str(ii), f"{NEAR} {ORDERS} means of all", *network_content(simple)]
            work = partial(context.kept, "tuner", parts, partial(row, context.kept, simple, ii))
            found.append({"name": name, "ii": ii, **context.run(f"{name} at {ii}: the tuner", work)})
    return found


def row(kept: Kept, accelerator: Accelerator, target_ii: int) -> dict:
    """`area` of the tuner's choice and its CPU `seconds`, `best` and `median` area of `samples` random foldings; `yosys` and
    `best_yosys`: areas as synthesised, of the tuner's choice and the least of SYNTHESISED random ones; `orders`: those of the tuner's
    choice for several orders of the neurons, where the means of these decide."""
    started = time.process_time()
    best = Tuner(accelerator).least_area(target_ii)
    seconds, rng, found = time.process_time() - started, np.random.default_rng(target_ii), []
    legal = [[folding for folding in (*foldings_of(layer, 1, STYLES), *serial_foldings(layer, 1))
              if least_cycles(layer, folding) <= target_ii] for layer in accelerator.layers]
    started = time.process_time()
    while len(found) < SAMPLES and time.process_time() - started < LIMIT_S:
        chosen = built(accelerator, [ways[rng.integers(len(ways))] for ways in legal])
        if chosen.ii <= target_ii:
            found.append(chosen)
    found.sort(key=lambda chosen: chosen.area)
    mine, *theirs = (area_by_yosys(kept, accelerator, chosen) for chosen in (best, *found[:SYNTHESISED]))
    near, orders = [place for place, area in enumerate(theirs) if abs(mine / area - 1) <= NEAR], []
    if near:
        shuffled = [reordered(accelerator, seed) for seed in range(1, ORDERS + 1)]
        orders, *counts = ([area_by_yosys(kept, net, chosen) for net in shuffled] for chosen in (best, *(found[place] for place in near)))
        mine = float(np.mean(orders))
        for place, areas in zip(near, counts):
            theirs[place] = float(np.mean(areas))
    return {"area": best.area, "seconds": seconds, "best": found[0].area, "median": found[len(found) // 2].area,
            "samples": len(found), "yosys": mine, "best_yosys": min(theirs), "orders": orders}


def reordered(accelerator: Accelerator, seed: int) -> Accelerator:
    """The same network with its hidden neurons in a random order."""
    rng, order, layers = np.random.default_rng(seed), np.arange(accelerator.MW), []
    for layer in accelerator.layers:
        rows = np.arange(layer.MH) if layer is accelerator.layers[-1] else rng.permutation(layer.MH)
        thresholds = None if layer.thresholds is None else layer.thresholds[rows]
        layers.append(replace(layer, weights=layer.weights[rows][:, order], bias=layer.bias[rows], thresholds=thresholds))
        order = rows
    return replace(accelerator, layers=tuple(layers))


def area_by_yosys(kept: Kept, accelerator: Accelerator, chosen: Partial) -> float:
    counts = counted(kept, accelerator.with_foldings(foldings(chosen)))
    return Price(counts["lut"], counts["ff"], counts["bram"], counts["dsp"]).area


def least_cycles(layer: SparseLayer, folding: Folding) -> int:
    """Cycles from frame to frame that the layer alone cannot be below."""
    choice, = choices_of(Accelerator(layer.name, (replace(layer, folding=folding),), layer.MW, np.arange(layer.MW)))
    return choice.cycles


def section(found: list[dict]) -> Section:
    columns = ("network", "II at most", "tuner's area, model", "best of the random", "their median", "random foldings",
               "tuner's area, Yosys", f"least of the best {SYNTHESISED} random", "orders", "tuner's CPU s")
    figures = ("area", "best", "median", "samples", "yosys", "best_yosys")
    table = [(row["name"], str(row["ii"]), *(number(row.get(key)) for key in figures), spread(row.get("orders")),
              number(row.get("seconds"), 1)) for row in found]
    values = {f"{row['name']}, II = {row['ii']}": row["yosys"] / row["best_yosys"] if "yosys" in row else None for row in found}
    bar = at_most("the tuner's choice", f"never worse than the best of {SAMPLES} random legal foldings", values, 1 + 1e-9, 3, WHY)
    return Section("The tuner against chance", TEXT, columns, table, [bar])


def spread(areas: list[float] | None) -> str:
    return f"{number(min(areas))} to {number(max(areas))}" if areas else ""
