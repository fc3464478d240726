"""Bit-plane cores answer as the layers do: frames back to back at their II, and at any greater distance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Folding, SparseLayer
from finn_steps.rtl import pipeline
from finn_steps.rtl.bitplane import bitplane_core
from tests.finn_steps.rtl.core_simulation import simulate
from tests.finn_steps.rtl.test_unrolled import corners
from tests.nets import random_accelerator


def planes(*digits):
    return [Folding("bitplane", digits=count) for count in digits]


def check(layers, foldings, folder, gap=0, samples=1000):
    """Simulate with `gap` idle cycles between frames; the core of these layers with these foldings."""
    layers = [replace(layer, folding=folding) for layer, folding in zip(layers, foldings)]
    core = bitplane_core(layers, "core_under_test")
    idt, odt = DataType[layers[0].idt], DataType[layers[-1].odt]
    x = expected = corners(layers[0], samples)
    for layer in layers:
        expected = layer.execute(expected)
    if layers[-1].odt == "BIPOLAR":
        expected = (expected + 1) // 2
    signed = odt.min() < 0 and layers[-1].odt != "BIPOLAR"
    y = simulate(core, x, idt.bitwidth(), odt.bitwidth(), signed, folder, core.ii + gap)
    np.testing.assert_array_equal(y, expected)
    return core


@pytest.mark.parametrize("digits, gap", [((2, 1, 1), 0), ((1, 1, 1), 0), ((4, 2, 2), 3), ((3, 4, 1), 1)])
def test_network(tmp_path, digits, gap):
    layers = random_accelerator(widths=(16, 8, 8, 4), zeros=0.5, seed=sum(digits)).layers
    core = check(layers, planes(*digits), tmp_path, gap)
    assert core.ii == max(-(-8 // digits[0]), -(-4 // digits[1]), -(-4 // digits[2]))


def test_registers_in_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "CLOCKED", 5)
    core = check(random_accelerator(widths=(16, 8, 4), zeros=0.5, seed=3).layers, planes(2, 1), tmp_path)
    blocks = core.verilog.split("always_ff @(posedge clk) begin")[1:]
    assert len(blocks) > 5 and all(block.split("    end\n")[0].count("<=") <= 5 for block in blocks)


def test_float_scales(tmp_path):
    check(random_accelerator(widths=(16, 8, 4), zeros=0.5, seed=2, scales="float").layers, planes(2, 1), tmp_path)


@pytest.mark.parametrize("idt, odt, digits", [("BINARY", "BINARY", 1), ("UINT2", "BIPOLAR", 2), ("INT3", "INT2", 1),
                                              ("TERNARY", "TERNARY", 1), ("UINT5", "UINT3", 2)])
def test_datatypes(tmp_path, idt, odt, digits):
    rng = np.random.default_rng(7)
    steps = DataType[odt].get_num_possible_values() - 1
    thresholds = np.sort(rng.integers(-40, 40, (6, steps)), axis=1)
    layer = SparseLayer("mixed", rng.integers(-3, 4, (6, 9)), rng.integers(-9, 9, 6), thresholds, idt, odt)
    check([layer], planes(digits), tmp_path)


def test_degenerate_rows(tmp_path):
    weights = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [4, 0, 0], [0, 7, -5]])
    layer = SparseLayer("rows", weights, np.array([3, 0, 0, -2, 1]), None, "INT4", "INT8")
    tail = SparseLayer("tail", np.array([[1, -2, 3, 0, 1], [0, 0, 0, 5, 0]]), np.array([0, 7]), None, "INT8", "INT12")
    check([layer, tail], planes(1, 2), tmp_path)


def test_digits_that_a_value_lacks_stay_zero(tmp_path):
    """Saturating 3-bit activations read two bits a cycle, beside wider ones: what is above the range has no fourth bit."""
    rng = np.random.default_rng(4)
    thresholds = (np.arange(7) << 1) + rng.integers(-9, 3, (9, 1))
    first = SparseLayer("first", rng.integers(-3, 4, (9, 6)), np.zeros(9), thresholds, "UINT2", "UINT3")
    second = SparseLayer("second", rng.integers(-3, 4, (5, 9)), np.zeros(5), None, "UINT3", "INT9")
    check([first, second], planes(3, 2), tmp_path)
