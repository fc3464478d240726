"""Values of nodes, 64 samples in a word, are those of plain integers."""

from __future__ import annotations

import numpy as np
import pytest

from finn_steps.proof.evaluate import Values, packed, unpacked
from finn_steps.proof.graph import Graph, node_of


def inputs(graph, count, size, seed=0):
    """(literals, uint8 [count, size], Values that know them)."""
    literals = [graph.input(name) for name in range(count)]
    bits = np.random.default_rng(seed).integers(0, 2, (count, size), np.uint8)
    values = Values(graph, size)
    values.known = {node_of(literal): packed(row) for literal, row in zip(literals, bits)}
    return literals, bits, values


def value_of(graph, values, literal):
    for number in range(1, len(graph.nodes)):
        values.compute(number)
    return unpacked(values.literal(literal), values.size)


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000])
def test_packing_goes_back(size):
    bits = np.random.default_rng(size).integers(0, 2, size, np.uint8)
    assert np.array_equal(unpacked(packed(bits), size), bits)


@pytest.mark.parametrize("seed", range(6))
def test_sums(seed):
    """Of any coefficients, modulo their width."""
    graph, rng = Graph(), np.random.default_rng(seed)
    literals, bits, values = inputs(graph, 9, 100, seed)
    width, coefficients, constant = int(rng.integers(1, 12)), rng.integers(-700, 700, 9), int(rng.integers(-99, 99))
    word = graph.sum(width, list(zip(literals, coefficients.tolist())), constant)
    wanted = coefficients @ bits.astype(np.int64) + constant
    for place, literal in enumerate(word):
        assert np.array_equal(value_of(graph, values, literal), wanted >> place & 1)


@pytest.mark.parametrize("count", [2, 5, 7, 8, 10])
def test_tables(count):
    graph, rng = Graph(), np.random.default_rng(count)
    literals, bits, values = inputs(graph, count, 200, count)
    table = rng.integers(0, 2, 1 << count)
    literal = graph.table(tuple(literals), sum(int(bit) << place for place, bit in enumerate(table)))
    place = (bits.astype(np.int64) << np.arange(count)[:, None]).sum(0)
    assert np.array_equal(value_of(graph, values, literal ^ 1), 1 - table[place])


def test_what_is_not_known_has_no_value_unless_it_cannot_matter():
    graph = Graph()
    (a, b, c), bits, values = inputs(graph, 3, 70)
    values.known = {node_of(a): packed(bits[0]), node_of(b): packed(np.zeros(70, np.uint8))}
    unknown, zero = graph.xor(a, c), graph.and_(b, c)
    for number in range(1, len(graph.nodes)):
        values.compute(number)
    assert values.literal(unknown) is None
    assert not values.literal(zero).any()
