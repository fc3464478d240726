"""Bit heaps, thresholds and truth tables, evaluated without a simulator."""

from __future__ import annotations

import numpy as np
import pytest

from finn_steps.rtl import activation, truth_table
from finn_steps.rtl.heap import compress, compress_to_functions, signed_digits
from finn_steps.rtl.netlist import Netlist, reduced


class Evaluation:
    """The values of all literals of a netlist for one input word."""

    def __init__(self, net: Netlist, x: int):
        self.values = [0]
        for node in net.nodes:
            if node.kind == "input":
                self.values.append(x >> node.a[0] & 1)
            elif node.kind == "function":
                self.values.append(self.function(node.b[0]))
            else:
                total = self.word(node.a) + self.literal(node.carry)
                total += sum(self.function(function) << i for i, function in enumerate(node.b))
                self.values += [total >> bit & 1 for bit in range(node.outputs)]

    def literal(self, literal: int) -> int:
        return self.values[literal >> 1] ^ literal & 1

    def word(self, literals) -> int:
        return sum(self.literal(literal) << i for i, literal in enumerate(literals))

    def function(self, function) -> int:
        inputs, table = function
        return table >> self.word(inputs) & 1


@pytest.mark.parametrize("seed", range(40))
def test_compress(seed):
    rng = np.random.default_rng(seed)
    net, bits, width = Netlist(), int(rng.integers(1, 30)), int(rng.integers(1, 14))
    weights = rng.integers(-9, 10, bits) << rng.integers(0, 4, bits)
    constant = int(rng.integers(-100, 100))
    terms = {literal: int(weight) for literal, weight in zip(net.input(bits), weights) if weight}
    word = compress(net, terms, constant, width)
    assert len(word) == width
    for x in [0, (1 << bits) - 1, *(int(v) for v in rng.integers(0, 1 << bits, 50))]:
        total = constant + sum(int(weight) * (x >> i & 1) for i, weight in enumerate(weights))
        assert Evaluation(net, x).word(word) == total % (1 << width)


@pytest.mark.parametrize("weight", [3, 5, -3, 7, -6, 20, -31])
def test_one_bit_of_any_weight(weight):
    for constant in range(-9, 10):
        net = Netlist()
        word = compress(net, {net.input(1)[0]: weight}, constant, 6, either=True)
        for x in (0, 1):
            assert Evaluation(net, x).word(word) == (constant + weight * x) % 64


@pytest.mark.parametrize("seed", range(20))
def test_compress_to_functions(seed):
    rng = np.random.default_rng(seed)
    net, bits = Netlist(), int(rng.integers(1, 24))
    weights = rng.integers(-7, 8, bits)
    terms = {literal: int(weight) for literal, weight in zip(net.input(bits), weights) if weight}
    negative = -int(weights[weights < 0].sum())
    functions, carry = compress_to_functions(net, terms, negative, 9)
    assert all(len(inputs) <= 5 for inputs, _ in functions)
    for x in [0, (1 << bits) - 1, *(int(v) for v in rng.integers(0, 1 << bits, 50))]:
        values = Evaluation(net, x)
        word = sum(values.function(function) << i for i, function in enumerate(functions))
        total = negative + sum(int(weight) * (x >> i & 1) for i, weight in enumerate(weights))
        assert word + values.literal(carry) == total


def test_signed_digits():
    for weight in range(1, 300):
        assert sum((1 - 2 * negative) << column for column, negative in signed_digits(weight)) == weight


@pytest.mark.parametrize("seed", range(60))
def test_thresholds(seed):
    rng = np.random.default_rng(seed)
    low, count = int(rng.integers(-300, 10)), int(rng.choice([1, 2, 3, 7, 15, 20]))
    high = low + int(rng.integers(1, 500))
    if seed % 3:
        thresholds = low + (np.arange(count) << int(rng.integers(0, 5))) + int(rng.integers(1, high - low + 1))
    else:
        thresholds = np.sort(rng.integers(low - 20, high + 20, count))
    always, reachable = activation.reachable(thresholds, low, high)
    assert always == np.sum(thresholds <= low)
    if not reachable:
        return
    chosen = activation.choose(reachable, low, high)
    assert chosen.origin <= low
    net = Netlist()
    bits = net.input(chosen.width)
    reached = chosen.apply(net, [0] * chosen.shift + bits[chosen.shift:])
    for acc in range(low, high + 1):
        assert Evaluation(net, acc - chosen.origin).word(reached) + always == np.sum(thresholds <= acc)


def test_reduced_functions():
    assert reduced([2, 3, 4], truth_table.full(3)) == ((), 1)
    assert reduced([2, 3], 0b1000) == ((), 0)
    assert reduced([4, 2], 0b0100) == ((2, 4), 0b0010)
    assert reduced([1, 2], 0b1000) == ((2,), 0b10)
    assert reduced([2, 0, 2], 0b11000000) == ((), 0)


@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_expressions_spell_their_table(inputs):
    names = [f"v{i}" for i in range(inputs)]
    for table in range(0, 1 << (1 << inputs), 1 + (1 << (1 << inputs)) // 300):
        text = truth_table.expression(table, names)
        python = text.replace("1'b", "").replace("?", "and").replace(":", "or")
        if "and" in python:
            continue
        for value in range(1 << inputs):
            assert eval(python, {f"v{i}": value >> i & 1 for i in range(inputs)}) & 1 == table >> value & 1
