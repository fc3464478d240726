"""Thresholds as a division by segments: every accumulator, and what it takes beside a product."""

from fractions import Fraction

import numpy as np
import pytest

from finn_steps.rtl import affine
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.quotient import quotients
from tests.finn_steps.rtl.test_scale import evaluate, thresholds_of


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("inverted", [0, 1])
def test_every_accumulator_gives_its_count(seed, inverted):
    """Of every size of segments, with reach beyond the thresholds on either side, on both, or on none."""
    rng = np.random.default_rng(seed)
    count = int(rng.choice([31, 44, 100, 127, 255]))
    steps = thresholds_of(Fraction(int(rng.integers(50, 90)), int(rng.integers(900, 9000))), Fraction(0), count) - int(rng.integers(0, 300))
    before, after = [(0, 0), (1, 0), (0, 1), (1, 1)][seed % 4]
    low = int(steps[0]) - 1 - before * int(rng.integers(1, 6000))
    high = int(steps[-1]) + after * int(rng.integers(1, 40000))
    product = affine.affines(tuple(steps.tolist()), low, high)[0]
    found = quotients(steps - low, product.m, product.c, product.s, low, high)
    assert found
    x = np.arange(low, high + 1)
    for one in found:
        net = Netlist()
        literals = one.apply(net, [bit ^ inverted for bit in net.input(one.width)])
        counts = evaluate(net, literals, (x - one.origin) ^ ((1 << one.width) - 1) * inverted)
        assert np.array_equal(counts, np.searchsorted(steps, x, side="right"))


def test_none_where_steps_are_too_small_for_a_comparison():
    steps = np.arange(1, 40)
    assert quotients(steps, 1, 0, 0, 0, 100) == []


def test_complements_of_signals_cost_no_inverters():
    steps = thresholds_of(Fraction(1, 168), Fraction(1, 3), 127)
    one = quotients(steps, *product(steps), 0, 30000)[-1]
    nets = [Netlist(), Netlist()]
    for inverted, net in enumerate(nets):
        one.apply(net, [bit ^ inverted for bit in net.input(one.width)])
    plain, complemented = ([node.kind for node in net.nodes] for net in nets)
    assert complemented == plain


def product(steps: np.ndarray) -> tuple[int, int, int]:
    found = affine.affines(tuple(steps.tolist()), 0, 30000)[0]
    return found.m, found.c, found.s
