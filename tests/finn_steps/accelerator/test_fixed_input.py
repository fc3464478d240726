"""Words of fixed point in front of a network, held to onnxruntime on every word; and what cannot be read as such words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator.fixed_input import with_fixed_input
from finn_steps.accelerator.fixed_point import FixedInput, FixedPoint
from finn_steps.accelerator.host import HostOp
from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.lower import import_model
from finn_steps.steps import simplified_network
from finn_steps.verification.reference import Reference
from tests.nets import random_accelerator
from tests.qonnx_nets import Net, qonnx_net

NET = Net(widths=(5, 7, 3), input_bits=6)
NETS = {
    "half to even": NET,
    "floor": replace(NET, rounding="FLOOR"),
    "half up": replace(NET, rounding="HALF_UP"),
    "float scales": replace(NET, scales="float"),
    "11 bits": replace(NET, input_bits=11),
    "bipolar neurons": replace(NET, bipolar=True),
}
WORDS = ["8,4", "12,2 9,3 7,0 13,5 3,2", "10,-2", "6,6"]


def all_words(fixed: FixedInput, features: int) -> np.ndarray:
    """int64 [N, features]: every word of every feature, each at another place."""
    columns = [np.arange(-2 ** (word.bits - 1), 2 ** (word.bits - 1)) for word in fixed.of(features)]
    rows = max(map(len, columns))
    return np.stack([np.resize(np.roll(column, 3 * place), rows) for place, column in enumerate(columns)], axis=1)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("name", NETS)
def test_every_word_is_answered_as_onnxruntime_answers_its_value(name, words):
    imported, fixed = import_model(qonnx_net(NETS[name], seed=3)), FixedInput.parse(words)
    built, sent = simplified_network(imported, fixed), all_words(FixedInput.parse(words), 5)
    x = np.stack([sent[:, k] / 2.0 ** (word.bits - word.integer_bits) for k, word in enumerate(fixed.of(5))], axis=1).astype(np.float32)
    integers = Reference(imported).integers(x)
    clear = ~imported.borderline.samples(imported.accelerator, imported.accelerator.quantise(x))
    assert clear.mean() > 0.9
    assert np.array_equal(built.quantise(x), sent[:, built.input_index])
    assert np.array_equal(built.execute(sent[:, built.input_index])[clear], integers[clear])


def test_words_that_never_reach_a_level_leave_nothing_of_it():
    """Of words between -2**-6 and 2**-6 most quantisers make one integer or two."""
    imported = import_model(qonnx_net(replace(NET, input_bits=3), seed=3))
    built = simplified_network(imported, FixedInput.parse("6,-5"))
    assert built.layers[0].answer_range.max() - built.layers[0].answer_range.min() <= 1
    assert built.input_fixed == FixedInput((FixedPoint(6, -5),))


HEADS = {
    "falls": [HostOp("mul", [-3.0, 2, -1.7]), HostOp("clip", [-8, 7]), HostOp("round")],
    "chosen and repeated": [HostOp("take", [2, 0, 2]), HostOp("mul", [3.0, 2, -1]), HostOp("round"), HostOp("clip", [-8, 7])],
    "counted": [HostOp("count", np.sort(np.random.default_rng(0).normal(0, 1, (3, 15)), axis=1)), HostOp("add", np.float32(-8))],
    "tanh": [HostOp("tanh"), HostOp("mul", np.float32(7)), HostOp("round")],
}


@pytest.mark.parametrize("name", HEADS)
def test_heads(name):
    network = replace(random_accelerator((3, 4, 2), input_bits=4), host_input=tuple(HEADS[name]))
    fixed = FixedInput.parse("9,3 5,2 8,4")
    sent = all_words(fixed, 3)
    made = with_fixed_input(network, fixed)
    assert np.array_equal(made.execute(sent), network.execute(network.quantise(fixed.decode(sent))))
    simple = simplify(made).accelerator
    assert np.array_equal(simple.execute(sent[:, simple.input_index]), made.execute(sent))


@pytest.mark.parametrize("operations, said", [
    ([HostOp("mod", np.float32(1)), HostOp("mul", np.float32(5)), HostOp("round")], "feature 0 rises and falls with it"),
    ([HostOp("div", [1.0, 0, 1]), HostOp("clip", [-8, 7]), HostOp("round")], "makes no number of word 0 of feature 1"),
])
def test_heads_that_are_refused(operations, said):
    network = replace(random_accelerator((3, 4, 2), input_bits=4), host_input=tuple(operations))
    with pytest.raises(ValueError, match=said):
        with_fixed_input(network, FixedInput.parse("6,3"))


def test_inputs_that_are_whole_numbers_already_are_refused():
    imported = import_model(qonnx_net(NET))
    imported = replace(imported, accelerator=replace(imported.accelerator, host_input=()))
    with pytest.raises(ValueError, match="whole numbers already"):
        simplified_network(imported, FixedInput.parse("8,4"))


@pytest.mark.parametrize("text, said", [
    ("8", "--input-fixed 8: give W,I"), ("8,9", "at most 8"), ("8,x", "give W,I"), ("25,3", "W must be 2 to 24"), ("1,1", "W must be 2 to 24"),
    ("8,3,1", "give W,I"), ("8,nan", "give W,I"), ("8,-99", "at least -32"), ("", "give W,I"), ("-8,3", "W must be"), ("8,3 8", "give W,I"),
    ("8;3", "give W,I")])
def test_other_forms_are_refused(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        FixedInput.parse(text)
    assert "\n" not in str(caught.value)


def test_as_many_words_as_features():
    with pytest.raises(ValueError, match="names 2 words, the model takes 5 features"):
        simplified_network(import_model(qonnx_net(NET)), FixedInput.parse("8,3 8,2"))
    with pytest.raises(ValueError, match="to evaluate; supported"):
        with_fixed_input(random_accelerator((64, 2), input_bits=4), FixedInput.parse("24,4"))


def test_words_from_data_clip_nothing_and_have_the_finest_step():
    x = np.array([[0.9, -4.0, 3.99, 0], [-0.2, 3.9, 100, 0]], np.float32)
    fixed = FixedInput.from_data(x, 8)
    assert str(fixed) == "8,1 8,3 8,8 8,-32"
    assert np.all(np.abs(fixed.apply(x) - x) <= [word.scale / 2 for word in fixed.words])
    finer = FixedInput(tuple(FixedPoint(8, word.integer_bits - 1) for word in fixed.words[:3]))
    assert np.all(np.any(np.abs(finer.apply(x[:, :3]) - x[:, :3]) > [word.scale / 2 for word in finer.words], axis=0))
    with pytest.raises(ValueError, match="feature 1 has values that are no numbers"):
        FixedInput.from_data(np.array([[1, np.nan]]), 8)
    with pytest.raises(ValueError, match="feature 0 reaches 1e.06"):
        FixedInput.from_data(np.array([[1e6]]), 8)


def test_floats_become_the_nearest_words():
    fixed = FixedInput.parse("4,2")
    x = np.array([[0.125, 0.375, -0.125, 9, -9, 0.3]], np.float32)
    assert fixed.encode(x).tolist() == [[0, 2, 0, 7, -8, 1]]
    assert np.array_equal(fixed.apply(x), np.array([[0, 0.5, 0, 1.75, -2, 0.25]], np.float32))
