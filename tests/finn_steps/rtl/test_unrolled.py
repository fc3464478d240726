"""Unrolled cores answer as the layers do: every frame, back to back, at every pipelining."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Folding, SparseLayer
from finn_steps.rtl import pipeline
from finn_steps.rtl.digit_sharing import share_digits
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.sharing import share
from finn_steps.rtl.unrolled import unrolled_core
from finn_steps.rtl.word import Word
from tests.finn_steps.rtl.core_simulation import simulate
from tests.nets import random_accelerator, random_inputs


def check(layers, folder, samples=1000, registers_every=1):
    folding = Folding(registers_every=registers_every)
    layers = [replace(layer, folding=folding) for layer in layers]
    core = unrolled_core(layers, "core_under_test")
    idt, odt = DataType[layers[0].idt], DataType[layers[-1].odt]
    x = corners(layers[0], samples)
    expected = x
    for layer in layers:
        expected = layer.execute(expected)
    if layers[-1].odt == "BIPOLAR":
        expected = (expected + 1) // 2
    y = simulate(core, x, idt.bitwidth(), odt.bitwidth(), odt.min() < 0 and layers[-1].odt != "BIPOLAR", folder)
    np.testing.assert_array_equal(y, expected)
    return core


def corners(layer, samples):
    """Random frames, all least, all greatest, and each input alone at its least and greatest."""
    idt = DataType[layer.idt]
    alone = np.concatenate([np.eye(layer.MW, dtype=np.int64) * int(value) for value in (idt.min(), idt.max())])
    return np.concatenate([random_inputs(np.random.default_rng(1), samples, layer.MW, layer.idt), alone])


@pytest.mark.parametrize("registers_every", [1, 2, 5])
def test_network(tmp_path, registers_every):
    accelerator = random_accelerator(widths=(16, 8, 8, 4), zeros=0.5, seed=registers_every)
    check(accelerator.layers, tmp_path, registers_every=registers_every)


def test_registers_in_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "CLOCKED", 20)
    core = check(random_accelerator(widths=(16, 8, 4), zeros=0.5, seed=3).layers, tmp_path)
    blocks = core.verilog.split("always_ff @(posedge clk) begin")[1:]
    assert len(blocks) > 3 and all(block.split("    end\n")[0].count("<=") <= 20 for block in blocks)


def test_functions_as_tables_of_which_there_are_many(tmp_path, monkeypatch):
    layers = random_accelerator(widths=(16, 8, 4), zeros=0.5, seed=3).layers
    few = unrolled_core(layers, "core_under_test").verilog
    monkeypatch.setattr(pipeline, "MANY", 10)
    core = check(layers, tmp_path)
    assert "localparam" not in few and core.verilog.count("localparam logic [31:0]") > 3 and len(core.verilog) < len(few)


def test_neighbouring_bits_are_part_of_a_word():
    bits = ["a[3]", "a[4]", "a[5]", "b[6]", "a[6]", "a[8]", "~a[9]", "x", "x", "c[0]", "c[1]", "c[1]", "c[0]", "1'b0", "1'b1"]
    assert pipeline.slices(bits) == ["a[5:3]", "b[6]", "a[6]", "a[8]", "~a[9]", "x", "x", "c[1:0]", "c[1]", "c[0]", "1'b0", "1'b1"]
    assert pipeline.concatenation(["a[3]", "a[4]"]) == "a[4:3]" and pipeline.concatenation(["a[1]", "b", "b"]) == "{b, b, a[1]}"


@pytest.mark.parametrize("seed", range(2))
def test_float_scales(tmp_path, seed):
    accelerator = random_accelerator(widths=(16, 8, 4), zeros=0.5, seed=seed, scales="float")
    check(accelerator.layers, tmp_path)


@pytest.mark.parametrize("idt, odt", [("BINARY", "INT2"), ("UINT2", "BIPOLAR"), ("INT3", "BINARY"), ("TERNARY", "TERNARY"),
                                      ("UINT8", "UINT3")])
def test_datatypes(tmp_path, idt, odt):
    rng = np.random.default_rng(7)
    steps = DataType[odt].get_num_possible_values() - 1
    thresholds = np.sort(rng.integers(-40, 40, (6, steps)), axis=1)
    weights = rng.integers(-3, 4, (6, 9))
    check([SparseLayer("mixed", weights, rng.integers(-9, 9, 6), thresholds, idt, odt)], tmp_path)


def test_degenerate_rows(tmp_path):
    weights = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [4, 0, 0], [0, 7, -5]])
    check([SparseLayer("rows", weights, np.array([3, 0, 0, -2, 1]), None, "INT4", "INT8")], tmp_path)


def test_rows_of_few_input_bits_are_tables_of_one_unit(tmp_path):
    rng = np.random.default_rng(5)
    weights = np.zeros((12, 36), np.int64)
    for row, own in zip(weights, rng.permutation(36).reshape(12, 3)):
        row[own] = rng.integers(1, 8, 3) * rng.choice([-1, 1], 3)
    low, high = 3 * np.minimum(weights, 0).sum(1), 3 * np.maximum(weights, 0).sum(1)
    thresholds = np.sort(rng.integers(low[:, None] + 1, high[:, None] + 1, (12, 7)), axis=1)
    core = check([SparseLayer("few", weights, np.zeros(12), thresholds, "UINT2", "UINT3")], tmp_path)
    assert core.latency == 1 and core.counts["columns"] == 0


def test_many_thresholds_are_written_as_tables(tmp_path):
    accelerator = random_accelerator(widths=(6, 3, 2), weight_bits=6, activation_bits=8, zeros=0.3, seed=1, scales="float")
    first, last = accelerator.layers
    uneven = np.sort(first.thresholds + np.random.default_rng(1).integers(-20, 20, first.thresholds.shape), axis=1)
    core = check([replace(first, thresholds=uneven), last], tmp_path, samples=3000)
    assert core.verilog.count("localparam") > 50
    assert "localparam" not in unrolled_core(random_accelerator(widths=(6, 3, 2), seed=1, scales="float").layers, "core").verilog


def test_evenly_spaced_thresholds_of_many_levels_are_divided(tmp_path):
    """As products they took 382 columns and 30 functions."""
    layers = random_accelerator(widths=(6, 3, 2), weight_bits=6, activation_bits=8, zeros=0.3, seed=1, scales="float").layers
    core = check(layers, tmp_path, samples=3000)
    assert core.counts["functions"] + core.counts["columns"] <= 300


def test_same_text_twice():
    layers = random_accelerator(widths=(16, 8, 4), seed=3).layers
    assert unrolled_core(layers, "core").verilog == unrolled_core(layers, "core").verilog


def test_rows_share_sums_of_shifted_inputs_though_no_weight_is_equal(tmp_path):
    """All rows have x + 4y in some place, beside other digits of x and of y."""
    rng = np.random.default_rng(4)
    weights = np.array([[1 << a, 4 << a] for a in (0, 1, 2, 3, 1, 2)]) * rng.choice([-1, 1], (6, 1))
    weights += np.array([[32, 0], [0, 64], [64, 0], [0, 1], [16, 0], [0, 128]])
    words = [Word.binary(bits, False) for bits in np.array(Netlist().input(16)).reshape(2, 8).tolist()]
    net = Netlist()
    net.input(16)
    wider, extended = share_digits(net, weights, words)
    assert len(extended) == 3 and np.count_nonzero(wider[:, 2]) == 6
    assert (extended[2].low, extended[2].high) == (0, 5 * 255)
    check([SparseLayer("shifted", weights, np.zeros(6), None, "UINT8", "INT18")], tmp_path)


def test_dense_rows_share_sums(tmp_path):
    rng = np.random.default_rng(3)
    weights = rng.choice([-1, 0, 1], (16, 10), p=[0.4, 0.2, 0.4])
    net = Netlist()
    bits = net.input(40)
    words = [Word.binary(bits[4 * i: 4 * i + 4], False) for i in range(10)]
    wider, extended = share(net, weights, words)
    assert wider.shape[1] == len(extended) > 10
    assert np.count_nonzero(wider) < np.count_nonzero(weights)
    check([SparseLayer("dense", weights, np.zeros(16), None, "UINT4", "INT9")], tmp_path)
