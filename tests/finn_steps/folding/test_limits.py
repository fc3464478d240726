"""A device's own limits, and budgets that a count of what was chosen holds to."""

from __future__ import annotations

import pytest

from finn_steps.folding.asked import Wanted
from finn_steps.folding.choose import choose_foldings, choose_within
from finn_steps.folding.cost import estimate
from finn_steps.folding.devices import within_device
from finn_steps.folding.tune import Limits, Tuner
from tests.finn_steps.rtl.test_folded import signs
from tests.nets import random_accelerator


@pytest.mark.parametrize("asked, part, kept", [
    (Limits(), "xc7z020clg400-1", Limits(53_200, 0, 280)),
    (Limits(lut=20_000, latency=9), "xc7z020clg400-1", Limits(20_000, 0, 280, 9)),
    (Limits(lut=60_000, dsp=0, bram=10), "xc7z020clg400-1", Limits(53_200, 0, 10)),
    (Limits(dsp=300), "xc7z020clg400-1", Limits(53_200, 220, 280)),
    (Limits(bram=3), "xcvu9p-flga2104-2-i", Limits(dsp=0, bram=3)),
])
def test_a_device_bounds_what_is_asked(asked, part, kept):
    assert within_device(asked, part) == kept


def test_a_budget_holds_for_what_is_counted():
    """Counts a quarter above the estimate: the choice is one that they allow."""
    net = random_accelerator((6, 8, 3), weight_bits=3, activation_bits=2, zeros=0.5, seed=1, input_bits=4)
    counted = []

    def count(folded):
        counted.append(round(1.25 * estimate(folded).lut))
        return counted[-1]

    budget = round(1.1 * estimate(net.with_foldings(choose_foldings(net, 1))).lut)
    chosen = choose_within(budget, count, net, None, Limits())
    assert counted[0] > budget >= counted[-1] == round(1.25 * estimate(net.with_foldings(chosen)).lut)
    with pytest.raises(ValueError, match="random-1: nothing within"):
        choose_within(counted[-1] // 20, count, net, None, Limits())


@pytest.mark.parametrize("budget", [2, 1, 0])
def test_memories_are_cut_where_block_rams_are_too_few(budget):
    """A layer whose control words pay in two block RAMs is built with fewer, for more LUTs, and not otherwise."""
    net = signs(350, 60)
    free, *others = [Tuner(net, styles=("folded",)).least_area(350, Limits(bram=blocks)) for blocks in (100, budget)]
    assert free.total.bram == 2 and free.choices[0].folding.blocks == -1
    for found in others:
        assert found.total.bram <= budget and found.ii <= 350
        assert found.choices[0].folding.blocks == (-1 if budget == 2 else budget)
        assert found.total.lut > free.total.lut or budget == 2


def test_products_go_to_dsp_blocks_when_there_is_a_budget():
    net = random_accelerator((24, 12), weight_bits=6, zeros=0.5, seed=2)
    without, budget = Tuner(net, styles=("folded",)).least_area(40), Tuner(net, styles=("folded",)).least_area(40, Limits(dsp=12))
    assert without.total.dsp == 0 < budget.total.dsp <= 12
    assert budget.total.lut < without.total.lut
    assert {choice.folding.products for choice in budget.choices} == {"dsp"}


def test_what_was_asked_for_in_time_is_said_as_it_was():
    """With one fixed clock too: ns of latency and inferences a second, and what is possible in both."""
    net = random_accelerator((6, 8, 3), weight_bits=3, activation_bits=2, zeros=0.5, seed=1, input_bits=4)
    wanted = Wanted((5.0, 5.0), latency_ns=14.0, fps=2e8)
    with pytest.raises(ValueError) as caught:
        choose_foldings(net, 1, Limits(latency=wanted.latency(5.0)), 1, wanted)
    said = str(caught.value)
    assert "nothing within 14 ns of latency (2 cycles of 5 ns) at 200,000,000 inferences a second, one inference a cycle is possible" in said
    cycles = Tuner(net).least_area(1).last
    assert f"at one inference a cycle (200,000,000 a second) with {cycles} cycles of latency ({5 * cycles} ns)" in said and "\n" not in said
    assert said.endswith("--clock-ns MIN:MAX tries other clocks")


@pytest.mark.parametrize("latency_ns, period, cycles", [(95.0, 5.0, 19), (94.9, 5.0, 18), (3.3, 1.1, 3), (4.0, 5.0, 0)])
def test_a_latency_is_whole_cycles(latency_ns, period, cycles):
    assert Wanted(latency_ns=latency_ns).latency(period) == cycles
