"""Serial layers: digits of weights that enter earlier, in higher columns, make the same sums."""

from __future__ import annotations

import numpy as np
import pytest
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Folding, SparseLayer
from finn_steps.rtl.bitplane import bitplane_core
from finn_steps.rtl.generate import layer_groups
from finn_steps.rtl.serial import DELAYS, row_terms
from tests.finn_steps.rtl.test_bitplane import check, planes
from tests.nets import random_accelerator


def S(cycles):  # noqa: N802
    return Folding("serial", max_cycles=cycles)


@pytest.mark.parametrize("room", [0, 1, 3, 9, 40])
def test_terms_are_the_weights(room):
    """A digit that enters `age` cycles late in a column counts 2**(age + column), and every sum is 2**delay times too great."""
    rng = np.random.default_rng(room)
    for count in (1, 2, 5, 30, 200):
        weights = tuple(rng.integers(-127, 128, count).tolist())
        row = row_terms(weights, room)
        assert row.delay <= min(room, DELAYS[-1]) and all(0 <= age <= row.delay for _, age, _ in row.terms)
        summed = [0] * count
        for element, age, weight in row.terms:
            summed[element] += weight << age
        assert summed == [weight << row.delay for weight in weights]


def test_delays_save_adders():
    rng = np.random.default_rng(0)
    rows = [tuple(rng.choice([-7, -5, -3, -2, 1, 4, 6], 16).tolist()) for _ in range(6)]
    cores = [bitplane_core([SparseLayer("layer", np.array(rows), np.zeros(6), None, "UINT4", "INT12", S(cycles))], "core")
             for cycles in (0, 6, 16)]
    adders = [core.verilog.count("\n        - ") for core in cores]
    assert adders[0] > adders[1] > adders[2] and cores[0].ii == 4 and cores[1].ii == 6 and 6 < cores[2].ii <= 16


@pytest.mark.parametrize("cycles, gap", [(0, 0), (10, 0), (13, 2), (20, 1)])
def test_network(tmp_path, cycles, gap):
    layers = random_accelerator(widths=(16, 10, 8, 4), zeros=0.4, seed=cycles).layers
    core = check(layers, [S(cycles)] * 3, tmp_path, gap)
    assert core.ii <= max(cycles, 8)


def test_float_scales(tmp_path):
    check(random_accelerator(widths=(12, 9, 4), zeros=0.3, seed=2, scales="float").layers, [S(20), S(12)], tmp_path)


def test_several_adders_in_a_stage(tmp_path):
    layers = random_accelerator(widths=(16, 9, 4), zeros=0.2, seed=6).layers
    check(layers, [Folding("serial", max_cycles=12, registers_every=3)] * 2, tmp_path)


@pytest.mark.parametrize("idt, odt", [("BINARY", "BINARY"), ("UINT2", "BIPOLAR"), ("INT3", "INT2"), ("TERNARY", "TERNARY"), ("INT8", "UINT3")])
def test_datatypes(tmp_path, idt, odt):
    rng = np.random.default_rng(7)
    steps = DataType[odt].get_num_possible_values() - 1
    thresholds = np.sort(rng.integers(-40, 40, (6, steps)), axis=1)
    layer = SparseLayer("mixed", rng.integers(-3, 4, (6, 9)), rng.integers(-9, 9, 6), thresholds, idt, odt)
    check([layer], [S(14)], tmp_path / "alone")
    if odt != "BIPOLAR":
        tail = SparseLayer("tail", rng.integers(-7, 8, (5, 6)), rng.integers(-9, 9, 5), None, odt, "INT12")
        check([layer, tail], [S(9), S(18)], tmp_path / "two")


def test_degenerate_rows(tmp_path):
    weights = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [4, 0, 0], [0, 7, -5]])
    layer = SparseLayer("rows", weights, np.array([3, 0, 0, -2, 1]), None, "INT4", "INT8")
    tail = SparseLayer("tail", np.array([[1, -2, 3, 0, 1], [0, 0, 0, 5, 0]]), np.array([0, 7]), None, "INT8", "INT12")
    check([layer, tail], [S(16), S(16)], tmp_path)


def test_serial_layers_and_bit_planes_share_a_core(tmp_path):
    net = random_accelerator(widths=(8, 9, 6, 3), zeros=0.3, seed=9, input_bits=6)
    foldings = [*planes(2), S(11), *planes(1)]
    core = check(net.layers, foldings, tmp_path)
    mixed = net.with_foldings({layer.name: folding for layer, folding in zip(net.layers, foldings)})
    assert len(layer_groups(mixed)) == 1 and 4 < core.ii <= 11
