"""Bisection against a full scan, on functions with jumps, plateaus, ties and both directions."""

import numpy as np
import pytest

from finn_steps.importer.thresholds import borderline_accumulators, find_activation

LEVELS = np.arange(1, 8)
LOW, HIGH = np.array([-50, -3, 0, -20]), np.array([60, 3, 0, 20])


def chain(accumulators):
    """Half-even rounding on exact ties, a falling neuron, one that never moves, one that jumps over levels."""
    a = accumulators.astype(np.float32)
    values = np.stack([a[:, 0] / 4, -a[:, 1] * 2, a[:, 2] * 0 + 3, np.where(a[:, 3] > 2, 7, -5)], axis=1)
    return np.clip(np.rint(values), 0, 7)


def test_every_accumulator_gives_the_chains_integer():
    activation = find_activation("node n", chain, LOW, HIGH, LEVELS)
    assert activation.direction.tolist() == [1, -1, 1, 1]
    for neuron in range(4):
        for a in range(LOW[neuron], HIGH[neuron] + 1):
            accumulators = np.clip(np.full(4, a), LOW, HIGH)[None]
            accumulators[0, neuron] = a
            reached = (activation.direction[neuron] * a >= activation.thresholds[neuron]).sum()
            assert reached == chain(accumulators)[0, neuron]


def test_never_and_always_reached_are_the_rows_ends():
    activation = find_activation("node n", chain, LOW, HIGH, LEVELS)
    assert activation.thresholds[2].tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert activation.thresholds[1, -1] == 4


def test_ties_round_to_even():
    thresholds = find_activation("node n", chain, LOW, HIGH, LEVELS).thresholds[0]
    assert thresholds.tolist() == [3, 6, 11, 14, 19, 22, 27]


def test_rising_and_falling_is_refused():
    with pytest.raises(ValueError, match="node n: .* neuron 1 rises and falls"):
        find_activation("node n", lambda a: np.abs(a) * [0, 1] + a * [1, 0], np.array([-5, -5]), np.array([5, 6]), LEVELS)


def test_borderline_accumulators_lie_next_to_a_threshold():
    def integers_of_values(values):
        return np.clip(np.floor(values), 0, 7)

    def values(accumulators):
        return accumulators * np.array([0.5, 0.3])

    low, high = np.array([-20, -20]), np.array([20, 20])
    activation = find_activation("node n", lambda a: integers_of_values(values(a).astype(np.float32)), low, high, LEVELS)
    found = borderline_accumulators(integers_of_values, values, activation, low, high, np.array([0.0, 1e-3]), LEVELS)
    neuron, accumulator, above, slack = found
    assert above.tolist() == [True, True]
    assert neuron.tolist() == [1, 1] and accumulator.tolist() == [10, 20]
    assert np.all(slack < 1e-6)


def test_slack_is_the_distance_to_the_next_integer():
    def integers_of_values(values):
        return np.clip(np.floor(values), 0, 7)

    def values(accumulators):
        return accumulators * np.array([0.2497])

    low, high = np.array([0]), np.array([5])
    activation = find_activation("node n", lambda a: integers_of_values(values(a).astype(np.float32)), low, high, LEVELS)
    error = np.array([0.01])
    neuron, accumulator, _, slack = borderline_accumulators(integers_of_values, values, activation, low, high, error, LEVELS)
    assert accumulator.tolist() == [4]
    assert slack == pytest.approx([1 - 4 * 0.2497], rel=1e-2) and slack[0] <= 1 - 4 * 0.2497


def wobbling(width, depth):
    """Steps of 100 accumulators; behind the one to 3, `width` accumulators, every second one, fall back by `depth`."""
    def integers(accumulators):
        answers, behind = accumulators // 100, accumulators - 300
        return np.where((behind > 0) & (behind <= 2 * width) & (behind % 2 == 1), answers - depth, answers)
    return integers


def test_a_float_operator_that_falls_by_a_rounding_puts_accumulators_on_their_threshold():
    found = find_activation("node n", wobbling(3, 1), np.array([0]), np.array([799]), LEVELS)
    neuron, accumulators = found.wavering
    answers = np.searchsorted(found.thresholds[0], np.arange(800), side="right")
    wrong = np.nonzero(answers != wobbling(3, 1)(np.arange(800)))[0]
    assert accumulators.tolist() == wrong.tolist() and neuron.tolist() == [0] * len(wrong)
    assert 0 < len(wrong) <= 4


@pytest.mark.parametrize("width, depth", [(3, 2), (60, 1)])
def test_what_falls_by_more_or_for_long_is_refused(width, depth):
    with pytest.raises(ValueError, match="neuron 0 rises and falls"):
        find_activation("node n", wobbling(width, depth), np.array([0]), np.array([799]), LEVELS)
