"""The label of the greatest of a last layer's integers, proved by SMT: a circuit of comparisons, no linear form."""

from __future__ import annotations

import numpy as np
from bitwuzla import Bitwuzla, Kind, Option, Options, Result, Term, TermManager

from finn_steps.proof.limits import NotUnderstood
from finn_steps.proof.evaluate import cone
from finn_steps.proof.graph import FRAME, FRAMED, Graph, node_of
from finn_steps.proof.boundary import Bit, Boundary

SECONDS = 20
WIDTH = 40
"""Bits of the numbers that are compared: more than any layer's output has."""


def prove_label(graph: Graph, output: list[int], before: Boundary, labels: np.ndarray) -> None:
    """The literals are the bits of labels[i] for the first greatest value i. NotUnderstood where that is not proved within
    SECONDS."""
    manager, options = TermManager(), Options()
    options.set(Option.TIME_LIMIT_PER, SECONDS * 1000)
    solver = Bitwuzla(manager, options)
    circuit = _Circuit(graph, before, manager)
    for value, source in zip(circuit.values, before.sources):
        for kind, bound in ((Kind.BV_SGE, source.low), (Kind.BV_SLE, source.high)):
            solver.assert_formula(manager.mk_term(kind, [value, circuit.number(bound)]))
        moved = manager.mk_term(Kind.BV_SUB, [value, circuit.number(source.low)])
        rest = manager.mk_term(Kind.BV_UREM, [moved, circuit.number(source.spacing)])
        solver.assert_formula(manager.mk_term(Kind.EQUAL, [rest, circuit.number(0)]))
    best, label = circuit.values[0], circuit.number(int(labels[0]))
    for value, other in zip(circuit.values[1:], labels[1:]):
        exceeds = manager.mk_term(Kind.BV_SGT, [value, best])
        best = manager.mk_term(Kind.ITE, [exceeds, value, best])
        label = manager.mk_term(Kind.ITE, [exceeds, circuit.number(int(other)), label])
    circuit.follow(output, solver)
    bits = [circuit.literal(literal) for literal in output]
    wrong = [manager.mk_term(Kind.DISTINCT, [bit, manager.mk_term(Kind.BV_EXTRACT, [label], [index, index])]) for index, bit in enumerate(bits)]
    solver.assert_formula(wrong[0] if len(wrong) == 1 else manager.mk_term(Kind.OR, wrong))
    result = solver.check_sat()
    if result != Result.UNSAT:
        raise NotUnderstood("the label is not that of the first greatest integer" if result == Result.SAT
                            else f"the label is not proved within {SECONDS} s")


class _Circuit:
    """Nodes as terms of one bit; values: the integers that come in, as signed numbers of WIDTH bits."""

    def __init__(self, graph: Graph, before: Boundary, manager: TermManager):
        self.graph, self.before, self.manager = graph, before, manager
        self.bit = manager.mk_bv_sort(1)
        self.sort = manager.mk_bv_sort(WIDTH)
        self.values = [manager.mk_const(self.sort, f"value{row}") for row in range(len(before.sources))]
        self.terms: dict[int, Term] = {}

    def number(self, value: int) -> Term:
        return self.manager.mk_bv_value(self.sort, value % (1 << WIDTH))

    def follow(self, output: list[int], solver: Bitwuzla) -> None:
        """Terms of all that the output depends on. A node that is a bit of several values makes these equal."""
        for number in cone(self.graph, [node_of(literal) for literal in output], self.before.stops):
            bits = self.before.bits.get(number)
            if bits:
                spelled = [self.bit_of_value(bit) for bit in bits]
                for bit, term in zip(bits, spelled):
                    self.before.used_as(number, bit)
                    solver.assert_formula(self.manager.mk_term(Kind.EQUAL, [term, spelled[0]]))
                self.terms[number] = spelled[0]
            else:
                node = self.graph.nodes[number]
                self.terms[number] = getattr(self, f"_{node.kind}", self._unknown)(*node.operands)

    def literal(self, literal: int) -> Term:
        if literal < 2:
            return self.manager.mk_bv_value(self.bit, literal)
        if literal & FRAMED and literal & FRAME:
            raise NotUnderstood("an answer depends on several frames")
        term = self.terms[node_of(literal)]
        return self.manager.mk_term(Kind.BV_NOT, [term]) if literal & 1 else term

    def bit_of_value(self, bit: Bit) -> Term:
        code = self.before.codes[bit.row][bit.code]
        if not code.weights[bit.index]:
            return self.manager.mk_bv_value(self.bit, bit.inverted)
        if code.step != 1:
            raise NotUnderstood("labels of bipolar integers")
        moved = self.manager.mk_term(Kind.BV_SUB, [self.values[bit.row], self.number(code.offset)])
        term = self.manager.mk_term(Kind.BV_EXTRACT, [moved], [bit.index, bit.index])
        return self.manager.mk_term(Kind.BV_NOT, [term]) if bit.inverted else term

    def _unknown(self, *operands) -> Term:
        raise NotUnderstood(f"the label depends on {operands}")

    def _and(self, a: int, b: int) -> Term:
        return self.manager.mk_term(Kind.BV_AND, [self.literal(a), self.literal(b)])

    def _xor(self, a: int, b: int) -> Term:
        return self.manager.mk_term(Kind.BV_XOR, [self.literal(a), self.literal(b)])

    def _mux(self, s: int, a: int, b: int) -> Term:
        select = self.manager.mk_term(Kind.EQUAL, [self.literal(s), self.manager.mk_bv_value(self.bit, 1)])
        return self.manager.mk_term(Kind.ITE, [select, self.literal(b), self.literal(a)])

    def _sum(self, number: int, bit: int) -> Term:
        total = self.graph.sums[number]
        sort = self.manager.mk_bv_sort(total.width)
        term = self.manager.mk_bv_value(sort, total.constant)
        for literal, coefficient in total.terms:
            if literal & ~1 and node_of(literal) not in self.terms:  # it lies above all bits that are read
                continue
            one = self.literal(literal)
            wide = one if total.width == 1 else self.manager.mk_term(Kind.BV_ZERO_EXTEND, [one], [total.width - 1])
            product = self.manager.mk_term(Kind.BV_MUL, [wide, self.manager.mk_bv_value(sort, coefficient)])
            term = self.manager.mk_term(Kind.BV_ADD, [term, product])
        return self.manager.mk_term(Kind.BV_EXTRACT, [term], [bit, bit])
