"""Constants that reproduce thresholds: against all there are, and against the count itself; products as logic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from finn_steps.rtl import affine, scale
from finn_steps.rtl.activation import Activation
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.quotient import Quotient


def thresholds_of(slope: Fraction, offset: Fraction, count: int) -> np.ndarray:
    """The least x with floor(slope * x + offset) >= k, for k from 1 to count."""
    return np.array([-(-(k - offset) // slope) for k in range(1, count + 1)], dtype=np.int64)


def some_thresholds(seed: int) -> np.ndarray:
    """Those of a scale, or of one that a threshold leaves."""
    rng = np.random.default_rng(seed)
    slope = Fraction(int(rng.integers(60, 400)), int(rng.integers(200, 300)))
    steps = thresholds_of(slope, Fraction(int(rng.integers(-99, 1)), 100), int(rng.integers(2, 9)))
    if seed % 3 == 0:
        steps[int(rng.integers(len(steps)))] += rng.choice([-1, 1])
    return np.sort(np.maximum(steps, 0))


@pytest.mark.parametrize("seed", range(30))
def test_the_fewest_digits_of_all_constants(seed):
    steps = some_thresholds(seed)
    every = [(m, s) for s in range(8) for m in range(1, 3 << s) if (m % 2 or s == 0) and works_somewhere(steps, m, s)]
    limits = scale.slopes(steps)
    if limits is None:
        assert not every
        return
    assert all(limits[0] < Fraction(m, 1 << s) < limits[1] for m, s in every)
    found = scale.fewest_digits(*limits)
    assert found and all(works_somewhere(steps, m, s) for m, s in found)
    assert len({digits(m) for m, _ in found}) == 1
    if every:
        fewest = min(digits(m) for m, _ in every)
        assert digits(found[0][0]) <= fewest
        assert digits(found[0][0]) < fewest or min(s for _, s in found) <= min(s for m, s in every if digits(m) == fewest)


def digits(m: int) -> int:
    """Of the canonical signed-digit form: ones of 3m that m has not, and the other way round."""
    return (3 * m ^ m).bit_count()


def works_somewhere(steps: np.ndarray, m: int, s: int) -> bool:
    """Whether some c gives the number of steps reached, by trying every c that could, on every x up to both ends."""
    x = np.arange(int(steps[0]) - 1, int(steps[-1]) + 1)
    wanted = np.searchsorted(steps, x, side="right")
    c = np.arange((1 << s) - m * int(steps[0]), (1 << s) - m * (int(steps[0]) - 1))
    values = m * x + c[:, None] >> s
    return bool(np.any(np.all((values == wanted) | (wanted == 0) & (values < 0) | (wanted == len(steps)) & (values > len(steps)), axis=1)))


def test_offsets_are_all_there_are():
    steps = thresholds_of(Fraction(3, 17), Fraction(1, 5), 9)
    low, high = scale.slopes(steps)
    m, s = scale.fewest_digits(low, high)[0]
    least, greatest = scale.offsets(steps, m, s)
    x = np.arange(0, int(steps[-1]) + 30)
    right = [c for c in range(least - 3, greatest + 4)
             if np.array_equal(np.clip(m * x + c >> s, 0, 9), np.searchsorted(steps, x, side="right"))]
    assert right == list(range(least, greatest + 1))
    assert scale.roundest(least, greatest) in right


def test_no_constants_where_one_threshold_leaves_the_line():
    steps = thresholds_of(Fraction(1, 100), Fraction(0), 40)
    steps[20] += 60
    assert scale.slopes(steps) is None


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("inverted", [0, 1])
def test_products_count_thresholds(seed, inverted):
    """Every accumulator, with reach beyond the thresholds on either side, on both, or on none."""
    rng = np.random.default_rng(seed)
    count = int(rng.choice([9, 15, 31, 44, 127]))
    steps = thresholds_of(Fraction(int(rng.integers(50, 90)), 900), Fraction(0), count) - int(rng.integers(0, 300))
    before, after = [(0, 0), (1, 0), (0, 1), (1, 1)][seed % 4]
    low = int(steps[0]) - 1 - before * int(rng.integers(1, 600))
    high = int(steps[-1]) + after * int(rng.integers(1, 4000))
    for one in affine.affines(tuple(steps.tolist()), low, high):
        net = Netlist()
        bits = net.input(one.width)
        literals = one.apply(net, [bit ^ inverted for bit in bits])
        x = np.arange(low, high + 1)
        found = evaluate(net, literals, (x - one.origin) ^ ((1 << one.width) - 1) * inverted)
        assert np.array_equal(found, np.searchsorted(steps, x, side="right"))
    assert affine.affines(tuple(steps.tolist()), low, high)


def evaluate(net: Netlist, literals: list[int], x: np.ndarray) -> np.ndarray:
    """The number that `literals` spell where the inputs spell x."""
    signals = np.zeros((len(net.driver), len(x)), dtype=np.int64)

    def value(literal: int) -> np.ndarray:
        return signals[literal >> 1] ^ literal & 1 if literal > 1 else np.full(len(x), literal)

    def function(inputs, table: int) -> np.ndarray:
        place = sum((value(literal) << i for i, literal in enumerate(inputs)), np.zeros(len(x), np.int64))
        return np.array([table >> i & 1 for i in range(1 << len(inputs))])[place]

    for node in net.nodes:
        if node.kind == "input":
            signals[node.first] = x >> node.a[0] & 1
        elif node.kind == "function":
            signals[node.first] = function(*node.b[0])
        else:
            total = value(node.carry) + sum((value(a) + function(*b)) << i for i, (a, b) in enumerate(zip(node.a, node.b)))
            for bit in range(node.outputs):
                signals[node.first + bit] = total >> bit & 1
    return sum(value(literal) << i for i, literal in enumerate(literals))


def test_many_levels_are_divided_or_multiplied_and_few_are_looked_up():
    short = tuple(thresholds_of(Fraction(5, 1024), Fraction(0), 200).tolist())
    wide = tuple(thresholds_of(Fraction(1, 211) + Fraction(1, 99991), Fraction(0), 255).tolist())
    few = wide[:3]
    assert isinstance(affine.choose(wide, -30000, 90000), Quotient)
    assert isinstance(affine.choose(short, -3000, 45000), affine.Affine)
    assert isinstance(affine.choose(few, -30000, 90000), Activation)
