"""Pairs of neurons that wrap become one with the bits that are kept; the answers in simulation are the layers'."""

from dataclasses import replace

import numpy as np
import pytest
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.accelerator.simplify import simplify
from finn_steps.hgq2.emit import emit
from finn_steps.importer.lower import import_model
from finn_steps.rtl.unrolled import unrolled_core
from finn_steps.rtl.wrapping import wraps_of
from finn_steps.verification.stimulus import corner_inputs
from tests.finn_steps.hgq2.chains import random_chain
from tests.finn_steps.rtl.core_simulation import simulate
from tests.nets import inputs_in_range


@pytest.mark.parametrize("seed, rounding, widths", [(1, "RND", (8, 10, 6, 4)), (2, "TRN", (12, 9, 7, 3)), (3, "RND_CONV", (16, 12, 8, 5))])
def test_networks_that_wrap_answer_the_same(tmp_path, seed, rounding, widths):
    network = simplify(import_model(emit(random_chain(widths, "WRAP", rounding, seed), "net")).accelerator).accelerator
    pairs = [wraps_of(a, b) for a, b in zip(network.layers, network.layers[1:])]
    assert sum(len(found) for found in pairs) >= 3
    core = unrolled_core(network.layers, "core_under_test")
    x = np.concatenate([inputs_in_range(network, 1500), corner_inputs(network)])
    idt, odt = DataType[network.idt], DataType[network.odt]
    y = simulate(core, x, idt.bitwidth(), odt.bitwidth(), odt.min() < 0, tmp_path)
    np.testing.assert_array_equal(y, network.execute(x))


def pair(readers):
    """u and h of one sum, read by rows of `readers`; and a neuron beside them."""
    weights = np.array([[3, 1, -2], [3, 1, -2], [1, 1, 1]])
    u = np.arange(1, 64) * 2 - 60
    h = np.concatenate([np.arange(1, 16) * 8 - 52, np.full(48, 999)])
    layer = SparseLayer("a", weights, np.zeros(3), np.stack([u, h, u]), "INT4", "UINT6")
    return layer, SparseLayer("b", np.array(readers), np.zeros(len(readers)), None, "UINT6", "INT16")


def test_a_pair_is_what_all_readers_take_in_one_ratio():
    found = wraps_of(*pair([[1, -4, 2], [-3, 12, 0]]))
    assert list(found) == [0] and (found[0].h, found[0].bits) == (1, 2)
    for readers in ([[1, -4, 2], [1, 4, 0]], [[1, -3, 2]], [[1, 4, 2]], [[0, -4, 2]], [[1, -4, 2], [0, 1, 0]]):
        assert wraps_of(*pair(readers)) == {}


def test_other_rows_are_no_pair():
    layer, following = pair([[1, -4, 2]])
    assert wraps_of(replace(layer, weights=np.array([[3, 1, -2], [3, 1, -1], [1, 1, 1]])), following) == {}
