"""Which rung a budget chooses, what it says of its neighbours, and what where there is none."""

from dataclasses import replace

import pytest

from build_dataflow.budget.budget import Budget, Cost, Priced, chosen, front
from build_dataflow.budget.run import arms_of, impossible, last_fits, share_at
from build_dataflow.budget.show import neighbours, write_front
from build_dataflow.budget.written import require_within
from models.configuration import TrainConfig
from models.ladder import Rung

ROWS = ((0.3, 0.82, 900), (0.2, 0.81, 600), (0.1, 0.79, 300), (0.05, 0.70, 150))


def priced(remaining, accuracy, lut, arm="as asked", cycles=10, counted=None):
    rung = Rung(arm, f"{remaining:.5f}", "/nowhere", remaining, (5, 5), 10, 100, accuracy, 0.005)
    return Priced(rung, Cost(lut, 2 * lut, 3.6, 1, cycles, counted), 5 * lut)


LADDER = [priced(*row) for row in ROWS]


@pytest.mark.parametrize("budget, accuracy", [
    (Budget(lut=600), 0.81), (Budget(lut=599), 0.79), (Budget(latency_ns=36), 0.82), (Budget(lut=2000, latency_ns=35.9), None),
    (Budget(lut=10), None), (Budget(max_loss=0.015), 0.81), (Budget(max_loss=0.035), 0.79), (Budget(lut=500, max_loss=0.02), None),
])
def test_the_most_accurate_within_or_the_smallest_that_loses_little(budget, accuracy):
    best = chosen(LADDER, budget, float_accuracy=0.82)
    assert (None if best is None else best.rung.accuracy) == accuracy


def test_what_synthesis_counted_decides_and_the_rest_is_corrected_by_it():
    counted = [*LADDER[:1], replace(LADDER[1], cost=replace(LADDER[1].cost, counted=640)), *LADDER[2:]]
    assert chosen(counted, Budget(lut=620), 0.82).rung.accuracy == 0.79
    assert chosen(LADDER, Budget(lut=310), 0.82, factor=1.05).rung.accuracy == 0.70


def test_the_front_has_no_net_that_another_beats():
    worse = priced(0.15, 0.78, 500)
    assert worse not in front([*LADDER, worse], Budget(lut=600))
    assert [one.cost.lut for one in front([*LADDER, worse], Budget(lut=600))] == [150, 300, 600, 900]


def test_the_last_fits_aim_just_below_the_budget():
    budget = Budget(lut=700)
    share = share_at(LADDER, budget, 1.0)
    assert 0.2 < share < 0.3
    arms = {arm.name: arm for arm in arms_of(TrainConfig())}
    tasks = last_fits(LADDER, budget, 1.0, arms, None)
    assert [task[3] for task in tasks] == ["0.30000"] * 2 and tasks[0][-1] != tasks[1][-1]


def test_the_ways_are_the_one_asked_for_and_its_neighbours():
    ways = {arm.name: arm.config for arm in arms_of(TrainConfig(saliency=("fisher",), weight_bits=(6, 5, 4, 3)))}
    assert list(ways) == ["as asked", "fewer bits", "half as wide", "magnitude"]
    assert ways["fewer bits"].weight_bits == (5, 4, 4, 3) and ways["half as wide"].hidden == (32, 16, 16)


def test_the_steps_next_to_the_choice_are_told():
    lines = neighbours(LADDER[1], front(LADDER, Budget()))
    assert "0.8200 (+0.0100 ± 0.0050) at about 900 LUT (+300), 36 ns" in lines[0] and "0.7900 (-0.0200" in lines[1] and "(-300)" in lines[1]
    assert neighbours(LADDER[0], LADDER[:1]) == ["more accurate: nothing that was trained", "smaller: nothing that was trained"]


def test_a_step_is_from_what_was_counted():
    """The best was counted a tenth above its estimate: so will its neighbours be, which are estimates."""
    best = replace(LADDER[1], cost=replace(LADDER[1].cost, counted=660))
    below = priced(0.19, 0.805, 650)
    lines = neighbours(best, front([LADDER[0], best, below, LADDER[2]], Budget()))
    assert "at about 990 LUT (+330)" in lines[0] and "0.7900 (-0.0200 ± 0.0050) at about 330 LUT (-330)" in lines[1]


def test_what_cannot_be_is_said_in_the_users_numbers(tmp_path):
    said = impossible(Budget(lut=100, latency_ns=50), LADDER, 0.83, tmp_path)
    assert "nothing trained keeps 100 LUT and 50 ns (float twin 0.8300)" in said and "150 LUT and 36 ns at 0.7000" in said
    assert "900 LUT and 36 ns at 0.8200" in said and "\n" not in said


def test_the_front_is_a_table_and_a_picture(tmp_path):
    write_front(front(LADDER, Budget()), tmp_path)
    lines = (tmp_path / "front.csv").read_text().splitlines()
    assert len(lines) == 1 + len(LADDER) and lines[1].startswith("as asked,0.70000") and (tmp_path / "front.png").stat().st_size > 2000


@pytest.mark.parametrize("fields", [{"latency_ns": -1.0}, {"max_loss": -0.1}, {"part": "ice40"}])
def test_budgets_that_make_no_sense(fields):
    with pytest.raises(ValueError):
        Budget(**fields)


@pytest.mark.parametrize("lut, cycles, held", [(600, 20, True), (601, 20, False), (600, 21, False)])
def test_a_budget_is_held_by_what_was_counted_and_simulated(lut, cycles, held):
    summary = {"synthesis": {"lut": lut}, "hardware": {"latency_cycles": cycles, "clock_ns": 3.8}}
    if held:
        require_within(Budget(lut=600, latency_ns=76.0), summary)
    else:
        with pytest.raises(RuntimeError, match=rf"not within 600 LUT and 76 ns: {lut} LUT counted, {3.8 * cycles:.0f} ns"):
            require_within(Budget(lut=600, latency_ns=76.0), summary)
