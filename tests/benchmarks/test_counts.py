"""What is counted beside Yosys' cells, on netlists small enough to count by hand."""

import numpy as np
import pytest

from tests.benchmarks.counts import count_rtl
from tests.benchmarks.cycles import k_of_n, magnitude, row
from tests.benchmarks.finn_estimates import dense_estimate, dense_foldings
from tests.benchmarks.kept import Kept
from tests.benchmarks.lut_sites import lut_sites
from tests.benchmarks.packing_pairs import packed
from tests.nets import random_accelerator


def carry(S, O, CO):  # noqa: N803
    directions = {"S": "input", "DI": "input", "CI": "input", "CYINIT": "input", "O": "output", "CO": "output"}
    return {"type": "CARRY4", "port_directions": directions,
            "connections": {"S": S, "DI": [1, 2, 3, 4], "CI": ["0"], "CYINIT": ["0"], "O": O, "CO": CO}}


def lut(inputs, output):
    return {"type": f"LUT{len(inputs)}", "port_directions": {**{f"I{i}": "input" for i in range(len(inputs))}, "O": "output"},
            "connections": {**{f"I{i}": [bit] for i, bit in enumerate(inputs)}, "O": [output]}}


def netlist(cells, outputs):
    return {"modules": {"top": {"ports": {"y": {"direction": "output", "bits": outputs}}, "cells": dict(enumerate(cells))}}}


def test_a_propagate_input_without_a_lut_takes_one():
    own = [lut([1, 2], 11), carry([11, 2, 3, 4], [21, 22, 23, 24], [31, 32, 33, 34])]
    assert lut_sites(netlist(own, [34]), "top") == 1 + 3
    assert lut_sites(netlist(own, [22]), "top") == 1 + 1, "bits above the last that is read are free"
    constant = carry(["0", "1", 3, 4], [21, 22, 23, 24], [31, 32, 33, 34])
    assert lut_sites(netlist([constant], [34]), "top") == 2, "constants need none"
    shared = [*own, carry([11, "0", "0", "0"], [41, 42, 43, 44], [51, 52, 53, 54])]
    assert lut_sites(netlist(shared, [34, 54]), "top") == 4 + 1, "one LUT drives one chain"


def test_pairs_share_a_signal_and_read_at_most_five():
    assert packed([frozenset({1, 2, 3}), frozenset({3, 4, 5})]) == 1
    assert packed([frozenset({1, 2, 3}), frozenset({4, 5})]) == 2
    assert packed([frozenset({1, 2, 3}), frozenset({3, 4, 5, 6})]) == 2


@pytest.mark.slow
def test_counts_of_a_comparison_with_a_constant(tmp_path):
    text = ("module core(input wire clk, input wire [15:0] x, output reg y);\n"
            "  always @(posedge clk) y <= x >= 16'd12345;\nendmodule\n")
    result = count_rtl(Kept(tmp_path), {"core.sv": text}, "core")
    assert (result["ff"], result["dsp"], result["bram"]) == (1, 0, 0)
    assert result["sites"] >= result["lut"] >= result["packed"] >= 0
    assert result["sites"] >= 3, "sixteen inputs do not fit two LUTs of six"
    broken = count_rtl(Kept(tmp_path), {"core.sv": "module core("}, "core")
    assert broken["failed"].startswith("Yosys: ")


def test_rows_of_the_cycles_table():
    rng = np.random.default_rng(0)
    assert set(np.count_nonzero(k_of_n(rng, 64, 32, 0.25), axis=1)) == {16}
    weights = magnitude(rng, 64, 32, 0.25)
    assert np.count_nonzero(weights) == 512 and len(set(np.count_nonzero(weights, axis=1))) > 5
    found, = row("name", "magnitude", weights, 4, 2)
    assert found["ideal"] == 64 and found["dense"] == 256 and 64 <= found["cycles"] <= 64 * 1.15
    assert list(row("name", "magnitude", weights, 3, 2)) == [] == list(row("name", "magnitude", weights, 32, 8))


def test_finn_estimates_do_not_see_zeros():
    dense, sparse = (random_accelerator((16, 8, 4), zeros=zeros, seed=1) for zeros in (0.0, 0.9))
    assert dense_foldings(dense, 16) == ((2, 4), (1, 2))
    expected = dense_estimate(dense, dense_foldings(dense, 16))
    found = dense_estimate(sparse, dense_foldings(sparse, 16))
    assert expected["ii"] == found["ii"] == 16
    assert 0.85 * expected["lut"] <= found["lut"] <= expected["lut"], "only accumulators may be narrower"
