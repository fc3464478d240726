"""The clock as an axis: what is chosen, and what is said where nothing can be."""

import pytest

from finn_steps.folding.clock_search import Wanted, best_clock, clock_choices
from finn_steps.folding.delay import FAMILIES, least_period_ns, periods, widest_sum
from finn_steps.folding.tune import Limits, Tuner
from tests.nets import random_accelerator


@pytest.fixture(scope="module")
def net():
    return random_accelerator((12, 8, 4), seed=3)


@pytest.mark.parametrize("family", FAMILIES)
def test_periods_grow_with_adders_and_with_bits(family):
    of_adders = [least_period_ns(family, adders, 12) for adders in (1, 2, 3, 4)]
    assert of_adders == sorted(set(of_adders)) and of_adders[0] >= FAMILIES[family].floor
    assert least_period_ns(family, 4, 24) > least_period_ns(family, 4, 8)
    steps = [after - before for before, after in zip(of_adders, of_adders[1:])]
    assert max(steps) - min(steps) <= 0.051


def test_the_model_has_the_shape_that_was_routed_on_an_ecp5():
    """206 MHz with one adder, 65 with five: 3.2 times the period."""
    for family in FAMILIES:
        assert 2.4 <= least_period_ns(family, 5, 12) / least_period_ns(family, 1, 12) <= 4.0


def test_every_choice_is_what_the_tuner_finds_at_its_clock(net):
    wanted = Wanted((0.0, 20.0), latency_ns=60.0, ii=1)
    found = list(clock_choices(net, "xc7", wanted, styles=("unrolled",)))
    assert [choice.registers_every for choice in found] == sorted(choice.registers_every for choice in found)
    for choice in found:
        assert choice.latency_ns <= 60 and choice.clock_ns >= least_period_ns("xc7", choice.registers_every, widest_sum(net))
        again = Tuner(net, choice.registers_every, ("unrolled",)).least_area(1, Limits(latency=int(60 / choice.clock_ns)))
        assert again.total == choice.built.total and again.last == choice.built.last


def test_the_best_is_within_the_time_and_no_other_is_smaller(net):
    wanted = Wanted(latency_ns=45.0)
    best = best_clock(net, "xc7", wanted)
    others = list(clock_choices(net, "xc7", Wanted(latency_ns=45.0, ii=1), styles=("unrolled",)))
    assert best.latency_ns <= 45 and best.built.ii == 1 and best.area == min(choice.area for choice in others)


def test_a_rate_is_kept_in_inferences_a_second(net):
    best = best_clock(net, "xc7", Wanted((0.0, 20.0), fps=2e7))
    assert best.interval_ns <= 50


def test_a_range_is_kept(net):
    best = best_clock(net, "xcup", Wanted((6.0, 7.0), latency_ns=200.0))
    assert 6.0 <= best.clock_ns <= 7.0


def test_what_cannot_be_is_one_line_in_the_users_own_numbers(net):
    with pytest.raises(ValueError, match=r"nothing within 3 ns of latency is possible .* at any clock; possible are [\d,]+ LUT") as caught:
        best_clock(net, "xc7", Wanted(latency_ns=3.0))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="a clock of 1 ns holds no adder"):
        periods(net, "xc7", 0.5, 1.0)
