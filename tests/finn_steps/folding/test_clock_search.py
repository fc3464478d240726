"""The clock as an axis: what is chosen, and what is said where nothing can be."""

from dataclasses import replace

import pytest

from finn_steps.folding.asked import Wanted
from finn_steps.folding.clock_search import best_clock, clock_choices
from finn_steps.folding.delay import FAMILIES, Delays, least_period_ns, periods, registers_every, widest_sum
from finn_steps.folding.tune import Limits, Tuner
from tests.finn_steps.folding.routed_paths import ROUTED, Routed
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


@pytest.mark.parametrize("family", FAMILIES)
def test_registers_stand_as_far_apart_as_the_period_allows(family):
    assert registers_every(1.0, family, 12) == 1
    for clock_ns in (4.0, 5.0, 10.0):
        adders = registers_every(clock_ns, family, 12)
        assert least_period_ns(family, adders, 12) <= clock_ns < least_period_ns(family, adders + 1, 12)
    assert registers_every(5.0, "xc7", 16) == 1


def test_the_model_has_the_shape_that_was_routed_on_an_ecp5():
    """206 MHz with one adder, 65 with five: 3.2 times the period."""
    for family in FAMILIES:
        assert 2.4 <= least_period_ns(family, 5, 12) / least_period_ns(family, 1, 12) <= 4.0


def of_model(path: Routed, delays: Delays) -> float:
    """The path by the model's delays."""
    chains = sum(delays.chain(cells * delays.cell) for cells, _ in path.chains)
    return delays.flip_flop + len(path.nets) * delays.net + len(path.tables) * delays.table + len(path.luts) * delays.lut + chains


@pytest.mark.parametrize("path", ROUTED, ids=lambda path: path.source[-40:])
def test_paths_that_vivado_routed(path):
    """As published, to the rounding of their parts; and by the model."""
    assert path.sum == pytest.approx(path.total, abs=0.003)
    assert of_model(path, FAMILIES[path.family]) == pytest.approx(path.total, rel=0.15)


@pytest.mark.parametrize("family", FAMILIES)
def test_nets_are_the_mean_of_the_routed_ones(family):
    nets = [net for path in ROUTED if path.family == family for net in path.nets]
    assert FAMILIES[family].net == pytest.approx(sum(nets) / len(nets), abs=0.0006)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_report_tells_the_other(family):
    """With the nets of one report alone, the other one's path to a quarter."""
    one, other = (path for path in ROUTED if path.family == family)
    for fitted, told in ((one, other), (other, one)):
        delays = replace(FAMILIES[family], net=sum(fitted.nets) / len(fitted.nets))
        assert of_model(told, delays) == pytest.approx(told.total, rel=0.25)


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
