"""The tuner's choice against all choices and against random ones, by the cost of its own model; limits and impossible targets."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.folding import tune
from finn_steps.folding.choice import JOINED, STYLES, Folded, Planes, Unrolled
from finn_steps.folding.choose import choose_foldings
from finn_steps.folding.cost import choices_of, estimate
from finn_steps.folding.tune import RATE_TOLERANCE, Limits, Tuner, foldings_of, serial_foldings
from finn_steps.tools.progress import listening
from tests.foldings import built
from tests.nets import random_accelerator

NETS = (
    dict(widths=(8, 12, 8, 4), weight_bits=3, activation_bits=3, zeros=0.6, seed=3, input_bits=6),
    dict(widths=(10, 9, 3), weight_bits=2, activation_bits=2, zeros=0.5, seed=4, input_bits=1, scales="float"),
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QAPFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def tiny():
    return random_accelerator((6, 8, 3), weight_bits=3, activation_bits=2, zeros=0.5, seed=1, input_bits=4)


@pytest.fixture(scope="module")
def tiny_built(tiny):
    """Every way to build the tiny network, by the model."""
    ways = ([*foldings_of(layer, 1, STYLES), *serial_foldings(layer, 1)] for layer in tiny.layers)
    return [built(tiny, foldings) for foldings in product(*ways)]


@pytest.mark.parametrize("target_ii", [1, 2, 3, 4, 7, 12, 50])
def test_least_area_of_all(tiny, tiny_built, target_ii):
    least = min((way for way in tiny_built if way.ii <= target_ii), key=lambda way: way.area)
    found = Tuner(tiny).least_area(target_ii)
    assert found.ii <= target_ii
    assert found.area <= least.area + 1e-6


def test_least_area_within_a_latency(tiny, tiny_built):
    latencies = sorted({way.last for way in tiny_built})
    for latency in latencies[:: max(1, len(latencies) // 4)]:
        least = min((way for way in tiny_built if way.ii <= 50 and way.last <= latency), key=lambda way: way.area)
        assert Tuner(tiny).least_area(50, Limits(latency=latency)).area <= least.area + 1e-6


def test_best_rate_of_all(tiny, tiny_built):
    areas = sorted(way.total.lut for way in tiny_built)
    for budget in (int(areas[0]) + 1, int(np.median(areas)), 10_000):
        fastest = min(way.ii for way in tiny_built if round(way.total.lut) <= budget)
        found = Tuner(tiny).best_rate(Limits(lut=budget))
        assert found.ii <= RATE_TOLERANCE * fastest and round(found.total.lut) <= budget


@pytest.mark.parametrize("target_ii", [1, 4, 8, 13, 64])
@pytest.mark.parametrize("options", NETS, ids=str)
def test_never_worse_than_random_foldings(options, target_ii):
    net = random_accelerator(**options)
    found = Tuner(net).least_area(target_ii)
    ways = [[folding for folding in foldings_of(layer, 1, STYLES) if fast_enough(layer, folding, target_ii)] for layer in net.layers]
    rng = np.random.default_rng(target_ii)
    for _ in range(200):
        way = built(net, [choices[rng.integers(len(choices))] for choices in ways])
        assert way.ii > target_ii or way.area >= found.area - 1e-6


def fast_enough(layer, folding, target_ii):
    """Whether it could be, by the cycles that it cannot be below. (Bit planes that see all bits at once are an unrolled layer.)"""
    if target_ii == 1 and folding.style != "unrolled":
        return False
    (choice,) = choices_of(alone(replace(layer, folding=folding)))
    return choice.cycles <= target_ii


def alone(layer):
    return Accelerator(layer.name, (layer,), layer.MW, np.arange(layer.MW))


def test_chosen_foldings_are_as_estimated(tiny):
    foldings = choose_foldings(tiny, 4)
    told = estimate(tiny.with_foldings(foldings))
    assert told.ii_cycles <= 4
    assert sum(layer.lut for layer in told.layers) == pytest.approx(told.lut, abs=len(told.layers))
    assert [layer.name for layer in told.layers] == [layer.name for layer in tiny.layers]


@pytest.mark.parametrize("target_ii, limits", [(3, Limits()), (12, Limits()), (40, Limits(latency=60)), (40, Limits(dsp=8))], ids=str)
@pytest.mark.parametrize("options", NETS, ids=str)
def test_a_bounded_search_finds_what_a_whole_one_does(options, target_ii, limits, monkeypatch):
    net = random_accelerator(**options)
    bounded = Tuner(net).least_area(target_ii, limits)
    search = Tuner._chain
    monkeypatch.setattr(Tuner, "_chain", lambda self, choices, ii, within, *_: search(self, choices, ii, within, math.inf))
    whole = Tuner(net).least_area(target_ii, limits)
    assert (bounded.area, bounded.last, bounded.total) == (whole.area, whole.last, whole.total)


def test_layers_counted_side_by_side_are_the_same(monkeypatch, tmp_path):
    net, folds = random_accelerator(**NETS[0]), []
    for least in (10**9, 0):
        monkeypatch.setattr(tune, "SIDE_BY_SIDE", least)
        monkeypatch.setenv("QAPFLOW_CACHE", str(tmp_path / str(least)))
        folds.append(Tuner(net, styles=("folded",)).least_area(20))
    assert folds[0].total == folds[1].total and [c.folding for c in folds[0].choices] == [c.folding for c in folds[1].choices]


def test_every_count_is_told():
    told = []
    with listening(told.append):
        Tuner(random_accelerator(**NETS[0])).least_area(4)
    assert told[0].startswith("layer0") and told[-1].endswith(f"count {len(told)}")


def test_without_a_target_every_cycle_takes_a_frame(tiny):
    assert Tuner(tiny).least_area(1).ii == 1
    assert choose_foldings(tiny, None) == choose_foldings(tiny, 1)


def test_impossible_targets_name_the_nearest(tiny, tiny_built):
    least = round(min(tiny_built, key=lambda way: way.area).total.lut)
    with pytest.raises(ValueError, match=rf"random-1: nothing within 5 LUT is possible by the estimate; possible are {least} LUT"):
        choose_foldings(tiny, None, Limits(lut=5))
    budget = (round(Tuner(tiny).least_area(1).total.lut) + least) // 2
    slow = Tuner(tiny).best_rate(Limits(lut=budget))
    with pytest.raises(ValueError, match=rf"at one inference a cycle .*{round(slow.total.lut)} LUT at one inference in {slow.ii} cycles"):
        choose_foldings(tiny, 1, Limits(lut=budget))
    with pytest.raises(ValueError, match=r"within 1 cycles of latency .* with \d+ cycles of latency"):
        choose_foldings(tiny, 1, Limits(latency=1))


def test_bounds_are_below_the_counts():
    """What the search starts from must not be more than what it ends with, or it would not find the least."""
    net = random_accelerator((16, 12, 5), zeros=0.6, seed=9)
    for choices in Tuner(net).choices:
        for choice in choices:
            while not choice.settled:
                before = areas(choice)
                choice.settle()
                assert all(bound <= count for bound, count in zip(before, areas(choice))), choice.folding


def areas(choice):
    """Cycles, and what the choice takes at least, in both ways to read inputs."""
    if isinstance(choice, Folded):
        prices = [choice.price(serial) for serial in (False, True)]
    else:
        prices = [choice.part("body") if isinstance(choice, Planes) else choice.price]
    return [choice.cycles, *(price.area for price in prices)]


@pytest.mark.parametrize("options", NETS, ids=str)
def test_a_joined_core_is_worth_its_layers(options):
    net = random_accelerator(**options)
    together = Unrolled(net.layers, Folding())
    together.settle()
    bound = together.price.lut
    together.settle()
    assert together.settled and bound <= together.price.lut <= 1.02 * bound / JOINED


def test_serial_layers_where_there_are_cycles_enough():
    net = random_accelerator((16, 12, 5), zeros=0.6, seed=8, activation_bits=4)
    others = tuple(style for style in STYLES if style != "serial")
    for target_ii, taken in ((4, False), (14, True)):
        best, without = Tuner(net).least_area(target_ii), Tuner(net, 1, others).least_area(target_ii)
        assert any(choice.style == "serial" for choice in best.choices) == taken
        assert best.area < without.area if taken else best.area == without.area
        assert best.ii <= target_ii


def test_every_folding_is_legal(tiny):
    for layer in tiny.layers:
        for folding in foldings_of(layer, 2, ("unrolled", "bitplane", "folded")):
            replace(layer, folding=folding)
    assert Folding("bitplane", digits=3) not in foldings_of(tiny.layers[0], 1, ("bitplane",))
