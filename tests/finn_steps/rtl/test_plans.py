"""The compiled plans of bit heaps against the plain ones, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from finn_steps.rtl.heap import best_plan
from finn_steps.rtl.netlist import Netlist
from tests.finn_steps.rtl import plain_heap


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("bits, greatest", [(1, 1), (8, 2), (20, 5), (40, 2), (60, 40), (130, 1)])
def test_plans_are_the_plain_ones(bits, greatest, accumulate):
    rng = np.random.default_rng(bits)
    for _ in range(6):
        net = Netlist()
        literals = net.input(bits)
        if bits > 6:
            literals += net.adder(literals[:3], [((literal,), 0b10) for literal in literals[3:6]])
        weights = rng.integers(-greatest, greatest + 1, len(literals)) << rng.integers(0, 4, len(literals))
        terms = {literal: int(weight) for literal, weight in zip(literals, weights) if weight}
        constant = int(rng.integers(-1000, 1000))
        width = int(np.abs(weights).sum() * 2).bit_length() + 1 if accumulate else int(rng.integers(1, 16))
        found = best_plan(net, terms, constant, width, accumulate)
        plain = plain_heap.best_plan(net, terms, constant, width, accumulate)
        assert found.luts == plain.luts
        assert [told(row) for row in plain.rows] == [(row.chain, row.groups, row.carry) for row in found.rows]
        if accumulate:
            assert told(plain.last) == (found.last.chain, found.last.groups, found.last.carry)
        assert [source(bit) for bit in plain.result] == found.result


def told(row: plain_heap.Row):
    groups = [(span, [(source(bit), bit.weight << offset) for offset, bit in bits]) for span, bits in row.groups]
    return [source(bit) for bit in row.chain], groups, source(row.carry)


def source(bit: plain_heap.Bit | None) -> tuple[int, int]:
    if bit is None:
        return -1, 0
    return (-1, bit.source) if isinstance(bit.source, int) else bit.source


def test_a_plan_of_any_length_is_told_whole():
    net = Netlist()
    terms = {literal: 1 for literal in net.input(600)}
    assert best_plan(net, terms, 0, 10, False).luts == plain_heap.best_plan(net, terms, 0, 10, False).luts
