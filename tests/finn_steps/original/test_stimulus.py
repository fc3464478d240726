"""Every level of every feature is reached, at both sides of each step, whatever the head is made of."""

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator.host import HostOp
from finn_steps.original.stimulus import level_inputs
from tests.nets import random_accelerator

ROUNDED = (HostOp("round"), HostOp("clip", [-8, 7]))


def accelerator(*head, features=5):
    return replace(random_accelerator(widths=(features, 4, 2), input_bits=4), host_input=(*head, *ROUNDED))


HEADS = {
    "scale": [HostOp("div", np.float32(0.3))],
    "by feature": [HostOp("sub", np.float32([1, -2, 0.5, 100, 0])), HostOp("div", np.float32([3, 0.1, 1e-4, 7, 1e4]))],
    "falling": [HostOp("mul", np.float32([-1, 2, -0.01, 5, -1]))],
    "zero point": [HostOp("div", np.float32(0.7)), HostOp("add", np.float32(3))],
    "sigmoid": [HostOp("sigmoid"), HostOp("mul", np.float32(15)), HostOp("sub", np.float32(8))],
}


@pytest.mark.parametrize("head", HEADS)
def test_all_levels_and_both_sides_of_each_step(head):
    network = accelerator(*HEADS[head])
    stimulus = level_inputs(network, None, True, 1000)
    q = network.quantise(stimulus.x)
    reachable = network.quantise(np.linspace(-1e6, 1e6, 200_001)[:, None].repeat(5, 1)) if head != "sigmoid" else q
    for column in range(5):
        seen = np.unique(q[:, column])
        assert np.isin(np.unique(reachable[:, column]), seen).all()
        if head != "sigmoid":
            assert np.array_equal(seen, np.arange(-8, 8))
        values = np.sort(np.unique(stimulus.x[:, column]))
        neighbours = np.nextafter(values[:-1], np.float32(np.inf)) == values[1:]
        levels = np.sort(network.quantise(np.repeat(values[:, None], 5, 1))[:, column][:-1][neighbours])
        assert len(np.unique(levels)) >= len(seen) - 2, "the two floats at each step"


def test_samples_move_all_features():
    network = accelerator(*HEADS["scale"])
    stimulus = level_inputs(network, None, False, 1000)
    q = network.quantise(stimulus.x)
    assert (stimulus.levels, stimulus.corners, len(q)) == (16, 12, 28)
    assert q[0].tolist() == [-8] * 5 and q[1].tolist() == [7] * 5
    assert np.array_equal(q[2:7], np.where(np.eye(5, dtype=bool), 7, -8)) and np.array_equal(q[7:12], np.where(np.eye(5, dtype=bool), -8, 7))
    assert all(np.array_equal(np.unique(q[12:, column]), np.arange(-8, 8)) for column in range(5))
    assert not np.any(np.all(q[12:] == q[12:, :1], axis=1))


def test_many_levels_are_spaced_over_all_of_them():
    network = replace(random_accelerator(widths=(3, 4, 2), input_bits=12), host_input=(HostOp("div", np.float32(0.1)), HostOp("round"),
                                                                                       HostOp("clip", [-2048, 2047])))
    stimulus = level_inputs(network, None, True, 308)
    levels = np.unique(network.quantise(stimulus.x[stimulus.corners :])[:, 0])
    assert stimulus.levels == 100 and levels.min() == -2048 and levels.max() == 2047 and np.diff(levels).max() <= 42


def test_integer_inputs_are_the_integers_themselves():
    network = replace(random_accelerator(widths=(5, 4, 2), input_bits=4), host_input=())
    x = level_inputs(network, "INT4", True, 1000).x
    assert all(np.array_equal(np.unique(x[:, column]), np.arange(-8, 8)) for column in range(5))


def test_bipolar_inputs():
    network = random_accelerator(widths=(5, 4, 2), input_bits=4)
    layer = replace(network.layers[0], idt="BINARY")
    network = replace(network, layers=(layer, *network.layers[1:]), host_input=(HostOp("add", np.float32(1)), HostOp("div", np.float32(2))))
    x = level_inputs(network, "BIPOLAR", True, 1000).x
    assert np.array_equal(np.unique(x), [-1, 1]) and np.array_equal(np.unique(network.quantise(x)), [0, 1])


def test_features_that_no_neuron_reads_stay_at_zero():
    network = replace(accelerator(*HEADS["scale"]), features=8, input_index=np.array([7, 1, 2, 3, 5]))
    x = level_inputs(network, None, True, 1000).x
    assert x.shape[1] == 8 and not x[:, [0, 4, 6]].any() and len(np.unique(x[:, 7])) > 16


def test_values_that_the_file_does_not_hold_are_not_used():
    x = level_inputs(accelerator(*HEADS["scale"]), None, True, 1000, lambda x: np.asarray(x).astype(np.float16).astype(np.float32)).x
    assert np.array_equal(x, x.astype(np.float16))
    q = accelerator(*HEADS["scale"]).quantise(x)
    assert all(np.array_equal(np.unique(q[:, column]), np.arange(-8, 8)) for column in range(5))
