"""Each rule on a small net where it applies, then random nets: outputs stay equal, and nothing more can go."""

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.lower import import_model
from tests.nets import random_accelerator, random_inputs
from tests.qonnx_nets import Net, qonnx_net


def two_layers(weights, thresholds, following, idt="INT4", odt="UINT2"):
    first = SparseLayer("a", np.array(weights), np.zeros(len(weights)), np.array(thresholds), idt, odt)
    second = SparseLayer("b", np.array(following), np.zeros(len(following)), None, odt, "INT32")
    return Accelerator("small", (first, second), first.MW, np.arange(first.MW))


def check_equal(accelerator, samples=3000, seed=0):
    """Simplify; every kept hidden value and every output is what it was. Returns the result."""
    simplified = simplify(accelerator)
    small = simplified.accelerator
    q = random_inputs(np.random.default_rng(seed), samples, accelerator.MW, accelerator.idt)
    q[2 : 2 + accelerator.MW] = np.where(np.eye(accelerator.MW, dtype=bool), q[1, 0], q[0, 0])
    before, after = q, q[:, np.searchsorted(accelerator.input_index, small.input_index)]
    for old, new in zip(accelerator.layers, small.layers):
        before, after = old.execute(before), new.execute(after)
        assert np.array_equal(before[:, simplified.neurons[new.name]] - simplified.offsets[new.name], after), new.name
    assert after.shape == before.shape
    return simplified


def test_constant_neuron_goes_into_the_next_bias():
    small = check_equal(two_layers([[1, 1], [1, -1]], [[-99, -98, 99], [-3, 0, 3]], [[5, 1], [1, 1]])).accelerator
    assert small.layers[0].MH == 1
    assert small.layers[1].bias.tolist() == [10, 2]


def test_unread_neuron_goes():
    simplified = check_equal(two_layers([[1, 1], [1, -1]], [[-3, 0, 3]] * 2, [[0, 1]]))
    assert simplified.neurons["a"].tolist() == [1]


def test_equal_neurons_become_one():
    small = check_equal(two_layers([[1, 1], [1, 1], [2, 1]], [[-3, 0, 3]] * 3, [[1, 2, 4]])).accelerator
    assert small.layers[0].MH == 2 and small.layers[1].weights.tolist() == [[3, 4]]


def test_unread_input_is_no_longer_sent():
    small = check_equal(two_layers([[1, 0, 1]], [[-3, 0, 3]], [[1]])).accelerator
    assert small.input_index.tolist() == [0, 2]


def test_row_is_divided_by_its_common_divisor():
    small = check_equal(two_layers([[6, -4]], [[-5, 1, 8]], [[1]])).accelerator
    assert small.layers[0].weights.tolist() == [[3, -2]] and small.layers[0].thresholds.tolist() == [[-2, 1, 4]]


def test_datatype_shrinks_to_what_is_reached():
    small = check_equal(two_layers([[1, 1]], [[-3, 99, 99]], [[1]])).accelerator
    assert small.layers[0].odt == small.layers[1].idt == "BINARY"


def test_neurons_count_from_their_least_value():
    simplified = check_equal(two_layers([[1, 1], [1, -1]], [[-99, -99, 0], [3, 99, 99]], [[1, 1]]))
    assert simplified.accelerator.layers[0].odt == "BINARY"
    assert simplified.offsets["a"].tolist() == [2, 0]
    assert simplified.accelerator.layers[1].bias.tolist() == [2]


def test_last_layer_keeps_constant_rows_in_their_order():
    accelerator = two_layers([[1, 1]], [[-3, 0, 3]], [[0], [1], [0]])
    assert check_equal(accelerator).accelerator.layers[1].weights.tolist() == [[0], [1], [0]]


def test_everything_dead_leaves_one_of_each():
    small = check_equal(two_layers([[1, 1], [1, -1]], [[99, 99, 99]] * 2, [[0, 1]])).accelerator
    assert [layer.weights.shape for layer in small.layers] == [(1, 1), (1, 1)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("zeros", [0.5, 0.9, 0.99])
def test_random_nets_stay_equal(seed, zeros):
    widths = [(16, 64, 32, 32, 5), (40, 20, 20, 1), (5, 9, 3)][seed % 3]
    arguments = (widths, 2 + seed % 3, 1 + seed % 4, zeros, seed, ("pow2", "float")[seed % 2], 1 + seed)
    accelerator = random_accelerator(*arguments)
    small = check_equal(accelerator, seed=seed).accelerator
    assert simplify(small).accelerator.sha256 == small.sha256
    assert accelerator.sha256 == random_accelerator(*arguments).sha256


@pytest.mark.parametrize("kind", [{"bipolar": True}, {"signed": True}, {"batch_norm": True, "output_bits": 1}], ids=str)
def test_imported_nets_stay_equal(kind):
    check_equal(import_model(qonnx_net(Net(zeros=0.95, **kind))).accelerator)


def test_foldings_are_kept():
    accelerator = random_accelerator((8, 6, 4), zeros=0.2)
    folded = replace(accelerator.layers[1].folding, style="serial", digits=2)
    assert simplify(accelerator.with_foldings({"layer1": folded})).accelerator.layers[1].folding == folded


def test_thresholds_out_of_reach_stay_in_order_where_inputs_shrink():
    """A sentinel of the wider datatype lies beyond that of the narrower one."""
    network, rng = random_accelerator((4, 6, 5, 3), weight_bits=3, activation_bits=3, zeros=0.3, seed=281, input_bits=4), np.random.default_rng(281)
    low = rng.integers(-8, 7, 4)
    ranges = np.stack([low, np.minimum(7, low + rng.integers(0, 4, 4))])
    rng.integers(-4, 5, (6, 1))
    first, second = replace(network.layers[0], input_range=ranges), network.layers[1]
    second = replace(second, thresholds=np.sort(second.thresholds + rng.integers(-20, 20, (5, 1)), axis=1))
    network = replace(network, layers=(first, second, *network.layers[2:]))
    simple = simplify(network).accelerator
    q = rng.integers(ranges[0], ranges[1] + 1, (500, 4))
    assert np.array_equal(simple.execute(q[:, simple.input_index]), network.execute(q))
