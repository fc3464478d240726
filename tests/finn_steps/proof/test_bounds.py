"""Words that are known not to overflow only because of what they have in common with what they add up."""

import numpy as np
import pytest

from finn_steps.proof.boundary import Bit, Boundary
from finn_steps.proof.bounds import Bounds
from finn_steps.proof.graph import Graph, node_of
from finn_steps.proof.polynomial import Polynomial
from finn_steps.proof.specification import Source, twos_complement

BITS = 17


def two_inputs(graph, least):
    """Two of 8 bits, from `least` to 127: their boundary, and of each its (literal, weight)."""
    code = twos_complement("INT8")
    boundary = Boundary([Source(np.arange(least, 128))] * 2, [{"datatype": code}] * 2)
    words = []
    for row in range(2):
        literals = [graph.input((row, index)) for index in range(8)]
        boundary.bits |= {node_of(literal): [Bit(row, "datatype", index)] for index, literal in enumerate(literals)}
        words.append(list(zip(literals, code.weights)))
    return boundary, *words


@pytest.mark.parametrize("constant, follows", [(126, True), (124, False)])
def test_a_sum_of_a_word_shifted_right(constant, follows):
    """f = (w >> 1) + w[0] - 2 * x + constant with w = x - y + 255 is no less than 0, which its terms alone do not say; with a lesser constant
    it is below 0 for some x and y, and wraps."""
    graph = Graph()
    boundary, x, y = two_inputs(graph, -127)
    w = graph.sum(9, x + [(literal, -weight) for literal, weight in y], 255)
    shifted = [(literal, 1 << index) for index, literal in enumerate(w[1:])]
    f = graph.sum(9, [*shifted, (w[0], 1), *((literal, -2 * weight) for literal, weight in x)], constant)
    polynomial = Polynomial(graph, BITS)
    terms = {frozenset((node_of(literal),)): 8 << index for index, literal in enumerate(f)}
    polynomial.add_form((0, terms), 1)
    polynomial.add_form((0, {frozenset((node_of(w[0]),)): 1}), -4)
    found, left = Bounds(graph, boundary).expand(polynomial, boundary.stops)
    wanted = {frozenset((node_of(literal),)): factor * weight for word, factor in ((x, -12), (y, -4)) for literal, weight in word}
    same = {key: value % (1 << BITS) for key, value in left.items()} == {key: value % (1 << BITS) for key, value in wanted.items()}
    assert same is follows
    if follows:
        assert found % (1 << BITS) == 8 * constant + 4 * 255
