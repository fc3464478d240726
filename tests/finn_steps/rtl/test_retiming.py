"""Retiming keeps what a pipeline promises, and saves registers."""

from __future__ import annotations

import pytest

from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.pipeline import delays
from finn_steps.rtl.retiming import retimed, schedule
from finn_steps.rtl.sharing import share
from finn_steps.rtl.unrolled import Sum, accumulator, bounds, neuron
from finn_steps.rtl.word import Word
from tests.nets import random_accelerator


def netlist():
    """A network as unrolled_core builds it, and its output literals."""
    net, accelerator = Netlist(), random_accelerator((12, 10, 8, 4), zeros=0.4, seed=3)
    bits = net.input(8 * 12)
    words = [Word.binary(bits[8 * i: 8 * (i + 1)], True) for i in range(12)]
    for layer in accelerator.layers:
        ranges = [bounds(layer.weights[row], int(layer.bias[row]), words) for row in range(layer.MH)]
        weights, words = share(net, layer.weights, words)
        sums = [Sum(*accumulator(weights[row], int(layer.bias[row]), words), *ranges[row]) for row in range(layer.MH)]
        words = [neuron(net, layer, row, dict(enumerate(sums))) for row in range(layer.MH)]
    return net, [literal for word in words for literal, _ in word.terms]


def registers(net, outputs, stages, last):
    return sum(age or 0 for age in delays(net, outputs, stages, last))


def series(net, stages):
    """How many nodes in series, of its own stage, end in each node; by the delays of netlist.py."""
    depths, units = [0] * len(net.nodes), [node.unit for node in net.nodes]
    for index, node in enumerate(net.nodes):
        before = [net.driver[signal] for signal in node.reads]
        delay = units[index] - max((units[other] for other in before), default=0)
        depths[index] = delay + max((depths[other] for other in before if stages[other] == stages[index]), default=0)
    return depths


@pytest.mark.parametrize("every", [1, 2, 5])
def test_fewer_registers_and_no_longer_path(every):
    net, outputs = netlist()
    soon = schedule(net, every)
    last = max(soon[net.driver[literal >> 1]] for literal in outputs)
    late = retimed(net, outputs, every)
    assert all(late[net.driver[signal]] <= late[index] <= last for index, node in enumerate(net.nodes) for signal in node.reads)
    assert max(series(net, late)) <= every
    before, after = registers(net, outputs, soon, last), registers(net, outputs, late, last)
    assert after < before if every < 5 else after <= before


def kept_sum():
    """a + b, whose operands leave too and so are kept anyway, beside a chain of three nodes: (netlist, outputs, node of the sum)."""
    net = Netlist()
    bits = net.input(5)
    a, b, late = bits[:2], bits[2:4], bits[4:]
    total = net.adder([*a, 0], [((b[0],), 2), ((b[1],), 2), ((), 0)])
    for other in (b[0], a[1], a[0]):
        late = [net.function([late[0], other], 0b0110)]
    return net, [*total, *a, *b, *late], net.driver[total[0] >> 1]


def test_a_word_moves_where_its_operands_are_kept_anyway():
    net, outputs, total = kept_sum()
    assert schedule(net, 1)[total] == 0 and retimed(net, outputs, 1)[total] == 2


def test_a_reader_of_the_outputs_has_its_own_unit():
    """With `read_in` a node of stage 3 reads them: with one node a stage, none of them works there."""
    net, outputs, total = kept_sum()
    assert retimed(net, outputs, 1, 3)[total] == 2
    assert retimed(net, outputs, 2, 3)[total] == 3
