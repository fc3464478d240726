"""Warnings of networks that are legal but rarely meant, and none of others."""

from dataclasses import replace

import numpy as np
import pytest

from build_dataflow.suspicious import warnings_of
from tests.nets import random_accelerator, random_inputs


def network():
    return random_accelerator(widths=(6, 20, 10, 4), zeros=0.3, seed=1)


def inputs(samples=3000):
    return random_inputs(np.random.default_rng(0), samples, 6, "INT8")


def with_layer(accelerator, number, **changes):
    layers = list(accelerator.layers)
    layers[number] = replace(layers[number], **changes)
    return replace(accelerator, layers=tuple(layers))


def test_nothing_to_warn_of():
    assert warnings_of(network(), inputs()) == []


def test_constant_outputs():
    last = network().layers[-1]
    found = warnings_of(with_layer(network(), 2, weights=last.weights * 0), inputs())
    assert found == [f"layer2: all {last.weights.size} weights are zero",
                     f"every output is constant on all 3,000 samples ({', '.join(map(str, last.bias))})"]


def test_outputs_that_change_in_one_sample_are_no_warning():
    q = np.zeros((5001, 6), np.int64)
    q[4999] = 100
    assert not any("constant" in line for line in warnings_of(network(), q))


@pytest.mark.parametrize("scale", [100, 1000])
def test_a_layer_that_is_always_saturated(scale):
    """Weights so large that every answer is at one end or the other."""
    first = network().layers[0]
    found = warnings_of(with_layer(network(), 0, weights=first.weights * scale), inputs())
    assert len(found) == 1 and found[0].startswith("layer0: ") and "of its answers are at an end of what they can be (0 to 15, UINT4)" in found[0]
    assert 99 <= float(found[0].split("%")[0].split()[-1]) <= 100


def test_layers_of_two_levels_are_never_called_saturated():
    first, second, last = network().layers
    binary = replace(first, thresholds=np.zeros((20, 1)), odt="BINARY"), replace(second, idt="BINARY"), last
    assert warnings_of(replace(network(), layers=binary), inputs()) == []


def test_inputs_whose_range_the_data_never_uses():
    q = inputs()
    q[:, 2] = np.clip(q[:, 2], 0, 31)
    q[:, 4] = 7
    assert warnings_of(network(), q) == ["2 of 6 inputs use at most an eighth of their 256 levels (INT8) on the data: 2 (0 to 31), 4 (7 to 7)"]
    q[:, 2] = np.clip(q[:, 2], 0, 32) + (np.arange(len(q)) == 5)
    assert len(warnings_of(network(), q)) == 1


def test_inputs_of_few_levels_are_not_looked_at():
    accelerator = random_accelerator(widths=(6, 20, 4), input_bits=3)
    q = random_inputs(np.random.default_rng(0), 3000, 6, "INT3")
    q[:, 0] = 1
    assert warnings_of(accelerator, q) == []
