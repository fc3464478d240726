"""A range for every input and neuron: stored, derived, simplified, emulated, and written into FINN's graph and back."""

import json
from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Accelerator, SparseLayer, own_bits
from finn_steps.accelerator.simplify import simplify
from finn_steps.emulator import Emulator
from finn_steps.folding.choice import digits_to_remove
from finn_steps.folding.streams import save_accelerator
from finn_steps.rtl.word import Word
from finn_steps.verification.stimulus import corner_inputs, random_model_inputs
from tests.nets import inputs_in_range, random_accelerator, with_ranges


def ranged(seed=0, **options):
    return with_ranges(random_accelerator((10, 8, 6, 3), zeros=0.4, seed=seed, **options), seed)


@pytest.mark.parametrize("low, high", [(0, 0), (5, 5), (-4, -4), (0, 1), (0, 5), (3, 10), (-1, 0), (-4, 3), (-3, 3), (-5, 3), (-4, 4), (-9, -2)])
def test_own_bits_are_the_fewest_that_spell_every_value(low, high):
    bits = own_bits(low, high)
    word = Word.within([2 * signal for signal in range(1, 13)], low, high)
    assert len(word.terms) == bits and (word.low, word.high) == (low, high)
    for value in range(low, high + 1):
        spelled = word.constant + sum(weight * (value >> place & 1) for place, (_, weight) in enumerate(word.terms))
        assert spelled == value
    fits = [n for n in range(12) if (low >= 0 and high < 1 << n) or (low < 0 and n and low >= -(1 << n - 1) and high < 1 << n - 1)]
    assert bits == (0 if low == high else fits[0])


@pytest.mark.parametrize("seed", range(6))
def test_hidden_ranges_hold_every_answer_and_are_reached_by_single_neurons(seed):
    accelerator = ranged(seed)
    q = np.concatenate([inputs_in_range(accelerator, 3000, seed), corner_inputs(accelerator)])
    for layer, following in zip(accelerator.layers, accelerator.layers[1:]):
        low, high = layer.input_low, layer.input_high
        for row in range(layer.MH):
            for answer, ends in zip(layer.answer_range, ((low, high), (high, low))):
                x = np.where(layer.weights[row] >= 0, *ends)
                assert layer.execute(x[None])[0, row] == answer[row]
        q = layer.execute(q)
        assert np.all(following.input_low <= q) and np.all(q <= following.input_high)


def test_ranges_are_kept_by_save_and_load_and_decide_the_identity(tmp_path):
    accelerator = ranged()
    save_accelerator(accelerator, tmp_path)
    assert json.loads((tmp_path / "accelerator.json").read_text())["format"] == 2
    loaded = Accelerator.load(tmp_path)
    assert loaded.sha256 == accelerator.sha256 != replace(
        accelerator, layers=(replace(accelerator.layers[0], input_range=None), *accelerator.layers[1:])).sha256
    for before, after in zip(accelerator.layers, loaded.layers):
        assert np.array_equal(before.input_low, after.input_low) and np.array_equal(before.input_high, after.input_high)


def test_a_network_without_ranges_is_format_1_as_before(tmp_path):
    accelerator = random_accelerator((6, 5, 4), zeros=0.3)
    whole = np.array([[-128] * 6, [127] * 6])
    same = replace(accelerator, layers=(replace(accelerator.layers[0], input_range=whole), *accelerator.layers[1:]))
    assert same.sha256 == accelerator.sha256 and same.layers[0].input_range is None
    save_accelerator(same, tmp_path)
    assert json.loads((tmp_path / "accelerator.json").read_text())["format"] == 1
    assert "input_range" not in np.load(tmp_path / "accelerator.npz")


@pytest.mark.parametrize("ranges, message", [([[0], [1]], r"input_range \(2, 1\) is not \[2, MW\]"), ([[0, -9], [1, 7]], "input 1 ranges over -9..7"),
                                             ([[0, 3], [1, 2]], "input 1 ranges over 3..2"), ([[0, 0], [8, 1]], "input 0 ranges over 0..8")])
def test_ranges_that_the_datatype_has_not_are_refused(ranges, message):
    with pytest.raises(ValueError, match=message):
        SparseLayer("a", np.ones((1, 2)), np.zeros(1), None, "INT4", "INT8", input_range=np.array(ranges))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("scales", ["pow2", "float"])
def test_simplified_networks_answer_the_same_and_have_no_constant_input(seed, scales):
    accelerator = ranged(seed, scales=scales)
    small = simplify(accelerator).accelerator
    q = np.concatenate([inputs_in_range(accelerator, 2000, seed), corner_inputs(accelerator)])
    kept = q[:, np.searchsorted(accelerator.input_index, small.input_index)]
    assert np.array_equal(small.execute(kept), accelerator.execute(q))
    first = small.layers[0]
    assert np.all(first.input_low < first.input_high) and first.input_width <= accelerator.layers[0].input_width
    assert (first.input_low.min(), first.input_high.max()) == (small.layers[0].input_low.min(), small.layers[0].input_high.max())
    assert simplify(small).accelerator.sha256 == small.sha256
    assert small.odt == small.layers[-1].accdt


def test_the_input_datatype_shrinks_to_the_ranges():
    accelerator = with_ranges(random_accelerator((10, 8, 3), zeros=0.2), most=4)
    assert accelerator.idt == "INT8" and simplify(accelerator).accelerator.idt == "INT4"


@pytest.mark.parametrize("seed", range(4))
def test_the_emulator_is_exact_in_range_and_refuses_what_is_not(seed):
    accelerator = ranged(seed)
    q = np.concatenate([inputs_in_range(accelerator, 1000, seed), corner_inputs(accelerator)])
    emulator = Emulator(accelerator)
    assert np.array_equal(emulator.execute(q), accelerator.execute(q))
    q[7, 4] = accelerator.layers[0].input_high[4] + 1
    with pytest.raises(ValueError, match=f"input 4 takes {accelerator.layers[0].input_low[4]}.."):
        emulator.execute(q)


def test_verification_inputs_reach_the_ends_of_every_range_and_no_further():
    accelerator = ranged(3)
    first = accelerator.layers[0]
    bare = replace(accelerator, host_input=())
    q = bare.quantise(random_model_inputs(bare, 4000, 0))
    assert np.array_equal(q.min(0), first.input_low) and np.array_equal(q.max(0), first.input_high)
    corners = corner_inputs(accelerator)
    assert len(corners) == 2 + 2 * accelerator.MW
    assert np.array_equal(corners.min(0), first.input_low) and np.array_equal(corners.max(0), first.input_high)


def test_accumulators_are_as_narrow_as_the_ranges():
    layer = SparseLayer("a", np.array([[1, -2, 3]]), np.array([5]), None, "INT8", "INT32", input_range=np.array([[0, -1, 2], [3, 4, 2]]))
    assert (layer.accumulator_min.tolist(), layer.accumulator_max.tolist()) == ([5 - 8 + 6], [5 + 3 + 2 + 6])
    assert layer.input_bits == (2, 4, 0) and digits_to_remove(layer, 8) < digits_to_remove(replace(layer, input_range=None), 8)
