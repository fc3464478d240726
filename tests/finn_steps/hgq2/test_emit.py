"""Chains of HGQ2's layers through QONNX, the importer and the simplification: every output, bit for bit."""

import numpy as np
import pytest

from finn_steps.accelerator.simplify import simplify
from finn_steps.hgq2.emit import emit, limits_of
from finn_steps.hgq2.network import Activation, Affine, Chain, Dense, Quantiser
from finn_steps.importer.lower import import_model
from finn_steps.rtl.unrolled import unrolled_core
from finn_steps.verification.reference import Reference
from tests.finn_steps.hgq2.chains import answer, quantiser, random_chain, samples


def check(chain, seed=0):
    imported = import_model(emit(chain, "chain"))
    accelerator, small = imported.accelerator, simplify(imported.accelerator).accelerator
    x = samples(chain.features, seed=seed)
    expected = answer(chain, x)
    assert not imported.borderline.layers
    for network in (accelerator, small):
        assert np.array_equal(network.dequantise(network.execute(network.quantise(x))), expected.astype(np.float32))
    assert np.array_equal(Reference(imported).outputs(x), expected.astype(np.float32))
    return small


@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM", "WRAP"])
@pytest.mark.parametrize("rounding", ["RND", "RND_CONV", "TRN"])
def test_all_modes(overflow, rounding):
    for seed in range(3):
        check(random_chain(overflow=overflow, rounding=rounding, seed=seed), seed)


@pytest.mark.parametrize("overflow", ["SAT", "WRAP"])
def test_a_quantised_output_is_the_hosts(overflow):
    check(random_chain(overflow=overflow, seed=5, output=True))


def test_more_layers_of_more_bits():
    check(random_chain((16, 20, 12, 8, 5), seed=7, most=4))


def one_neuron(k, i, f, overflow="WRAP", bias=0.0):
    """Two inputs of 3 bits in steps of 1/2, their sum, and its quantiser."""
    front = Quantiser.of("front", "TRN", "SAT", np.ones(2, int), np.ones(2, int), np.ones(2, int))
    middle = Quantiser.of("middle", "TRN", overflow, np.array([k]), np.array([i]), np.array([f]))
    return Chain(2, (front, Dense("sum", np.ones((1, 2)), np.array([bias])), middle, Dense("last", np.array([[1.0], [-0.5]]), np.zeros(2))))


@pytest.mark.parametrize("k, i, again", [(1, 2, 0), (1, 1, 1), (0, 2, 1), (1, 0, 1)])
def test_what_cannot_overflow_stands_once(k, i, again):
    """The sum lies in -4 to 3."""
    chain = one_neuron(k, i, 1)
    assert [end.tolist() for end in limits_of(chain)[2]] == [[-4], [3]]
    assert import_model(emit(chain, "one")).accelerator.layers[0].MH == 1 + again
    check(chain)


def test_wrapping_in_hardware_is_wires():
    """The bits above those that are kept are neither added up nor compared: as many LUTs as where nothing can overflow, or fewer."""
    counts = [unrolled_core(check(one_neuron(1, i, 1)).layers, "core").counts for i in (2, 1, 0)]
    luts = [count["columns"] + count["functions"] for count in counts]
    assert luts[0] >= luts[1] >= luts[2]


def test_a_second_quantiser_that_changes_nothing_is_left_out():
    rng = np.random.default_rng(0)
    chain = random_chain(seed=3)
    wide = Quantiser.of("oq", "RND", "WRAP", np.ones(10, int), np.full(10, 8), np.full(10, 8))
    steps = [*chain.steps[:4], wide, *chain.steps[4:]]
    assert isinstance(steps[3], Quantiser) and isinstance(steps[5], Dense)
    check(Chain(8, tuple(steps)))
    narrow = quantiser(rng, "oq", 10, "SAT", "RND", 1)
    with pytest.raises(ValueError, match=r"quantiser oq .* stands behind another quantiser"):
        emit(Chain(8, (*chain.steps[:4], narrow, *chain.steps[4:])), "twice")


def test_batch_norm_by_two_quantised_numbers():
    chain = random_chain(seed=4)
    norm = Affine("norm", 2.0 ** np.array([0, 1, -1, 0, 2, 0, 1, 0, -1, 0]), np.arange(10) / 4)
    check(Chain(8, (*chain.steps[:2], norm, *chain.steps[2:])))


@pytest.mark.parametrize("steps, message", [
    (lambda s: s[1:], "layer dense0 takes float inputs"),
    (lambda s: (s[0],), "has no QDense layer"),
    (lambda s: (*s[:2], Activation("soft", "softmax"), *s[2:]), "layer soft has a softmax between layers"),
])
def test_what_cannot_be_exact_is_refused_by_name(steps, message):
    with pytest.raises(ValueError, match=message):
        emit(Chain(8, steps(random_chain().steps)), "refused")


@pytest.mark.parametrize("rounding, overflow", [("RND_ZERO", "SAT"), ("TRN_ZERO", "WRAP"), ("RND", "WRAP_SM"), ("S_RND", "SAT")])
def test_other_modes_are_refused_by_name(rounding, overflow):
    with pytest.raises(ValueError, match=f"quantiser q (rounds by {rounding}|overflows by {overflow}); supported"):
        Quantiser.of("q", rounding, overflow, np.ones(2, int), np.ones(2, int), np.ones(2, int))
