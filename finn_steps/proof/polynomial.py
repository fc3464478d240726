"""Sums of products of bits, modulo a power of two, rewritten from a word down to what it is the sum of.

A Boolean function is a polynomial over integers with x * x = x: a & b is a * b, a ^ b is a + b - 2 * a * b. The functions that an
adder takes up are bits of sums themselves, so what is not linear cancels once all of them are expanded. A word of which all bits
are there, weighted alike, is replaced by what it adds up; of what overflows out of it, either nothing is left modulo the power of
two, or the word is shown to be wide enough.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from finn_steps.proof.limits import NotUnderstood
from finn_steps.proof.evaluate import table_values
from finn_steps.proof.graph import FRAME, FRAMED, Graph, Sum, node_of

MOST_TERMS = 20_000
MOST_TABLE_INPUTS = 10

GATES = ("and", "xor", "mux", "table")

Monomial = frozenset
Form = tuple[int, dict[Monomial, int]]
"""A constant, and coefficients of products of nodes."""


class Words(Protocol):
    """What is known of sums by their numbers."""

    def unsigned(self, number: int) -> tuple[Form | None, int]:
        """What a sum is where it cannot overflow, and in any case the greatest value that it can have."""

    def signed(self, number: int) -> Form | None:
        """What a sum is as a number whose highest bit counts negative, where that cannot overflow."""

    def multiple(self, number: int, signed: bool) -> tuple[Form | None, int]:
        """(form, shift): what 2**shift times a sum is, where it itself has no form as it is asked for."""


class Polynomial:
    """constant + sum of coefficient * product of nodes, modulo 2**bits."""

    def __init__(self, graph: Graph, bits: int):
        self.graph, self.mask = graph, (1 << bits) - 1
        self.coefficients: dict[Monomial, int] = {}
        self.places: dict[int, set[Monomial]] = defaultdict(set)
        self.waiting: list[int] = []
        self.constant = 0

    def add_form(self, form: Form, weight: int) -> None:
        """weight * form."""
        constant, terms = form
        self._add(frozenset(), weight * constant)
        for monomial, coefficient in terms.items():
            self._add(monomial, weight * coefficient)

    def _add(self, monomial: Monomial, coefficient: int) -> None:
        if not monomial:
            self.constant = self.constant + coefficient & self.mask
            return
        before = self.coefficients.get(monomial)
        after = (before or 0) + coefficient & self.mask
        if after:
            self.coefficients[monomial] = after
            if before is None:
                for node in monomial:
                    if not self.places[node]:
                        heapq.heappush(self.waiting, -node)
                    self.places[node].add(monomial)
                if len(self.coefficients) > MOST_TERMS:
                    raise NotUnderstood(f"a sum has more than {MOST_TERMS} terms that do not cancel")
        elif before is not None:
            self._take(monomial)

    def _take(self, monomial: Monomial) -> int:
        for node in monomial:
            self.places[node].discard(monomial)
        return self.coefficients.pop(monomial)

    def expand(self, stops: Callable[[int], bool], words: Words) -> Form:
        """What is left when all is expanded down to the nodes where `stops` holds, but for bits of words that are not whole."""
        left: dict[Monomial, int] = {}
        while self.waiting:
            number = -heapq.heappop(self.waiting)
            node = self.graph.nodes[number]
            if not self.places[number] or stops(number) or node.kind in ("input", "free"):
                continue
            if node.kind == "sum":
                self._expand_word(node.operands[0], left, stops, words)
            else:
                self._substitute(number)
        for monomial, coefficient in left.items():
            self.coefficients[monomial] = self.coefficients.get(monomial, 0) + coefficient
        return self.constant, {monomial: _centred(coefficient, self.mask) for monomial, coefficient in self.coefficients.items()
                               if coefficient & self.mask}

    def _substitute(self, number: int) -> None:
        node = self.graph.nodes[number]
        for monomial in list(self.places[number]):
            coefficient, rest = self._take(monomial), monomial - {number}
            for product, factor in _expansion(self.graph, node):
                self._add(rest | product, coefficient * factor)

    def _expand_word(self, number: int, left: dict[Monomial, int], stops, words: Words) -> None:
        """All bits of a sum at once; those of the greatest numbers come first, so none is above them. Products of its bits with no
        other gate stay as they are."""
        total: Sum = self.graph.sums[number]
        weights, nodes = [], range(total.first, total.first + total.width)
        while products := {other for node in nodes for monomial in self.places[node] if len(monomial) > 1 for other in monomial}:
            gates = [other for other in products if self.graph.nodes[other].kind in GATES and not stops(other)]
            if not gates:
                break
            self._substitute(max(gates))
        for node in nodes:
            alone = frozenset((node,))
            weights.append(self._take(alone) if alone in self.coefficients else 0)
        weight, factors, form, shift = self._reading(number, weights, words) if any(weights) else (0, [], None, 0)
        for bit, found in enumerate(weights[:len(factors)] if form else weights):
            rest = found - (weight * factors[bit] if form else 0) & self.mask
            if rest:
                place = frozenset((total.first + bit,))
                left[place] = left.get(place, 0) + rest
        if form:
            self.add_form(form, weight >> shift)

    def _reading(self, number: int, weights: list[int], words: Words) -> tuple[int, list[int], Form | None, int]:
        """As which number a word is there, but for some of its lowest bits: (weight, factor of each bit, form of 2**shift times it, shift).
        The factors end where the bits above are always 0. No form where it is there as none."""
        total = self.graph.sums[number]
        factors = [1 << bit for bit in range(total.width)]
        start, weight = self._weight(weights, factors)
        if weight and not start and (weight << total.width) & self.mask == 0:
            return weight, factors, plain_form(total), 0
        form, high = words.unsigned(number)
        low = factors[: high.bit_length()]
        found = [(start, weight, factors, plain_form(total) if (weight << total.width) & self.mask == 0 else form, 0)]
        found.append((*self._weight(weights[: len(low)], low), low, form, 0))
        found.append((start, weight, factors, *words.multiple(number, False)))
        signed = [*factors[:-1], -factors[-1]]
        start, weight = self._weight(weights, signed)
        if weight and start < total.width - 1:
            found.append((start, weight, signed, words.signed(number), 0))
            found.append((start, weight, signed, *words.multiple(number, True)))
        usable = (each for each in found if each[1] and each[3] and each[1] % (1 << each[4]) == 0)
        best = min(usable, key=lambda each: (each[0], degree(each[3])), default=None)
        return best[1:] if best else (0, factors, None, 0)

    def _weight(self, weights: list[int], factors: list[int]) -> tuple[int, int]:
        """(start, weight): with which weight a word is there from bit `start` on; weight 0 where it is not."""
        for start, found in enumerate(weights):
            if found and found % (1 << start) == 0:
                weight = found >> start if factors[start] > 0 else -found >> start
                if weight > self.mask >> start + 1:
                    weight -= self.mask + 1 >> start
                if all(weight * factors[bit] - weights[bit] & self.mask == 0 for bit in range(start, len(weights))):
                    return start, weight
        return len(weights), 0


def plain_form(total: Sum) -> Form:
    """A sum as it stands, modulo its width. NotUnderstood where it adds up several frames."""
    if any(literal & FRAMED and literal & FRAME for literal, _ in total.terms):
        raise NotUnderstood("an answer depends on several frames")
    return total.constant, {frozenset((node_of(literal),)): coefficient for literal, coefficient in total.terms}


def degree(form: Form) -> int:
    """Nodes in the longest product."""
    return max(map(len, form[1]), default=0)


def _centred(coefficient: int, mask: int) -> int:
    return (coefficient + (mask >> 1) & mask) - (mask >> 1)


def _expansion(graph: Graph, node) -> list[tuple[Monomial, int]]:
    """A gate as a polynomial of what it reads."""
    if node.kind == "table":
        return _table(*node.operands)
    found: dict[Monomial, int] = defaultdict(int)
    if node.kind == "and":
        _multiply(found, node.operands, 1)
    elif node.kind == "xor":
        for literal in node.operands:
            _multiply(found, (literal,), 1)
        _multiply(found, node.operands, -2)
    elif node.kind == "mux":
        select, a, b = node.operands
        _multiply(found, (select ^ 1, a), 1)
        _multiply(found, (select, b), 1)
    else:
        raise NotUnderstood(f"a sum depends on {node.kind} {node.operands}")
    return [(monomial, coefficient) for monomial, coefficient in found.items() if coefficient]


def _multiply(found: dict[Monomial, int], literals: tuple[int, ...], factor: int) -> None:
    """found += factor * the product of literals."""
    products = {frozenset(): factor}
    for literal in literals:
        if literal & FRAMED and literal & FRAME:
            raise NotUnderstood("an answer depends on several frames")
        following: dict[Monomial, int] = defaultdict(int)
        for monomial, coefficient in products.items():
            if literal & 1:
                following[monomial] += coefficient
                coefficient = -coefficient
            if literal > 1:
                following[monomial | {node_of(literal)}] += coefficient
        products = following
    for monomial, coefficient in products.items():
        found[monomial] += coefficient


def _table(literals: tuple[int, ...], bits: int) -> list[tuple[Monomial, int]]:
    """A truth table by its Moebius transform."""
    if len(literals) > MOST_TABLE_INPUTS:
        raise NotUnderstood(f"a sum depends on a table of {len(literals)} inputs")
    values = table_values(bits, len(literals)).astype(int).tolist()
    for index in range(len(literals)):
        for place in range(len(values)):
            if place >> index & 1:
                values[place] -= values[place ^ 1 << index]
    found: dict[Monomial, int] = defaultdict(int)
    for place, value in enumerate(values):
        if value:
            _multiply(found, tuple(literal for index, literal in enumerate(literals) if place >> index & 1), value)
    return [(monomial, coefficient) for monomial, coefficient in found.items() if coefficient]
