"""How far sums of bits of a layer's inputs reach, and whether a word can overflow: interval analysis."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import numpy as np

from finn_steps.proof.boundary import Bit, Boundary
from finn_steps.proof.evaluate import Values, cone, operands, packed, unpacked
from finn_steps.proof.graph import Graph
from finn_steps.proof.polynomial import Form, Monomial, Polynomial, degree, plain_form
from finn_steps.proof.specification import CONSTANT

MOST_TOGETHER, MOST_LEAVES, MOST_SHIFT = 16, 14, 16

Fineness = frozenset | None
"""Whether bits of sums of few inputs are tried with these: all but those in the set; none at all."""
COARSE, FINE = None, frozenset()


class Bounds:
    """Of forms over the nodes of a design above a boundary."""

    def __init__(self, graph: Graph, before: Boundary):
        self.graph, self.before = graph, before
        self._first_alike = {row: rows[0] for rows, _ in before.alike() for row in rows}
        self._inputs_of: dict[int, frozenset[int]] = {}
        self._ranges: dict[int, tuple[int, int]] = {}
        self._firsts: dict[Bit, int] = {}
        self._forms: dict[int, Form | None] = {}
        self._signed: dict[int, Form | None] = {}
        self._multiples: dict[tuple[int, bool], tuple[Form, int]] = {}

    def expand(self, polynomial: Polynomial, stops) -> Form:
        """Polynomial.expand, with bits that are constant put in, and one node for each bit of an input."""
        constant, terms = polynomial.expand(stops, self)
        found: dict[Monomial, int] = defaultdict(int)
        for monomial, coefficient in terms.items():
            bits = {node: self.before.bits[node][0] for node in monomial if node in self.before.bits}
            fixed = {node: bit for node, bit in bits.items() if bit.code == CONSTANT}
            for node, bit in fixed.items():
                self.before.used_as(node, bit)
            if all(bit.inverted for bit in fixed.values()):
                found[frozenset(self._first_of(node) for node in monomial.difference(fixed))] += coefficient
        return constant + found.pop(Monomial(), 0), {monomial: coefficient for monomial, coefficient in found.items() if coefficient}

    def _first_of(self, node: int) -> int:
        """Of the nodes that are the same bit of an input, one."""
        bits = self.before.bits.get(node)
        if not bits:
            return node
        if bits[0] not in self._firsts:
            self._firsts[bits[0]] = node
        first = self._firsts[bits[0]]
        if first != node:
            self.before.used_as(first, bits[0])
            self.before.used_as(node, bits[0])
        return first

    def unsigned(self, number: int) -> tuple[Form | None, int]:
        """See Words."""
        return self._exact(number), self._ranges[number][1]

    def signed(self, number: int) -> Form | None:
        """See Words."""
        self._exact(number)
        return self._signed[number]

    def multiple(self, number: int, signed: bool) -> tuple[Form | None, int]:
        """See Words."""
        self._exact(number)
        return self._multiples.get((number, signed), (None, 0))

    def _exact(self, word: int) -> Form | None:
        """A sum as a number, not modulo a power of two; None where it might overflow, for all that the checker knows. Of several
        forms the simplest."""
        if word not in self._forms:
            total = self.graph.sums[word]
            self._forms[word], self._signed[word], self._ranges[word] = None, None, (0, (1 << total.width) - 1)
            half = 1 << total.width - 1
            for stops, fine in product((self._stops_at_sums, self.before.stops), (COARSE, FINE)):
                polynomial = Polynomial(self.graph, total.width)
                polynomial.add_form(plain_form(total), 1)
                low, high, form = self.bounded(self.expand(polynomial, stops), total.width, fine)
                if high < 2 * half:
                    self._ranges[word] = max(low, self._ranges[word][0]), min(high, self._ranges[word][1])
                    self._forms[word] = form if _simpler(form, self._forms[word]) else self._forms[word]
                turns = 2 * half if low >= half else 0
                if high - turns < half and _simpler(form, self._signed[word]):
                    self._signed[word] = form[0] - turns, form[1]
                if self._forms[word] and degree(self._forms[word]) < 2:
                    break
            if self._signed[word] and self._ranges[word][1] < half and _simpler(self._signed[word], self._forms[word]):
                self._forms[word] = self._signed[word]  # the highest bit is always 0
            if not self._forms[word]:
                self._multiply(word)
        return self._forms[word]

    def _multiply(self, word: int) -> None:
        """2**shift times a sum of words shifted right, of which bits fell off below: these are whole then, but for their lowest bits, and
        what they have in common with the other terms is known. Where words in it are known as multiples only, by as much more."""
        shift, more = self._fallen_off(word), 1
        while shift and more and shift <= MOST_SHIFT:
            left = self._shifted(word, shift)
            if (word, False) in self._multiples or (word, True) in self._multiples:
                return
            more = max((self._multiples[other, False][1] for other in self._words(left) if (other, False) in self._multiples), default=0)
            shift += more

    def _shifted(self, word: int, shift: int) -> dict[Monomial, int]:
        """Try it with one shift; what is left of the expansion."""
        total = self.graph.sums[word]
        size = 1 << total.width + shift
        polynomial = Polynomial(self.graph, total.width + shift)
        polynomial.add_form(plain_form(total), 1 << shift)
        expanded = self.expand(polynomial, self.before.stops)
        for fine in (COARSE, FINE):
            least, most, (constant, terms) = self.bounded(expanded, total.width + shift, fine)
            low, high = -(-least >> shift) << shift, most >> shift << shift  # it is a multiple of 2**shift
            for signed, begin in ((False, 0), (True, -size // 2)):
                turns = (low - begin) // size * size
                if high - turns < begin + size:
                    self._multiples[word, signed] = (constant - turns, terms), shift
            if (word, False) in self._multiples:
                self._ranges[word] = low % size >> shift, (low % size + high - low) >> shift
            if (word, False) in self._multiples or (word, True) in self._multiples:
                break
        return expanded[1]

    def _words(self, terms: dict[Monomial, int]) -> set[int]:
        """The sums of which bits are in some terms."""
        return {self.graph.nodes[node].operands[0] for monomial in terms for node in monomial
                if self.graph.nodes[node].kind == "sum" and node not in self.before.bits}

    def _fallen_off(self, word: int) -> int:
        """By how many places a sum must be shifted left for each word in it to be there as a multiple of itself."""
        polynomial, most = Polynomial(self.graph, self.graph.sums[word].width), 0
        polynomial.add_form(plain_form(self.graph.sums[word]), 1)
        for monomial, coefficient in polynomial.expand(self._stops_at_sums, self)[1].items():
            kind, operands = self.graph.nodes[min(monomial)].kind, self.graph.nodes[min(monomial)].operands
            if len(monomial) == 1 and kind == "sum" and min(monomial) not in self.before.bits:
                most = max(most, operands[1] - ((coefficient & -coefficient).bit_length() - 1))
        return most if most <= MOST_SHIFT else 0

    def _stops_at_sums(self, node: int) -> bool:
        return self.before.stops(node) or self.graph.nodes[node].kind == "sum"

    def bounded(self, form: Form, bits: int, fine: Fineness = None) -> tuple[int, int, Form]:
        """(least, greatest, form'): a form with the same values modulo 2**bits, and how far it reaches at most; the least is not
        negative and less than 2**bits. What depends on the same inputs or bits is tried together; all else is taken to be
        independent."""
        constant, terms = form
        low, span, found = constant, 0, defaultdict(int)
        for group in sorted(self._groups(terms, fine), key=len):
            least, most, chosen = self._together(group, bits, low, fine)
            low, span = low + least, span + most - least
            for monomial, coefficient in chosen.items():
                found[monomial] += coefficient
        constant += found.pop(Monomial(), 0)
        start = low % (1 << bits)
        return start, start + span, (constant + start - low, found)

    def _origin_of(self, node: int) -> tuple[str, int]:
        """What the value of a node goes with: an input (of rows of one sum the first), a sum, or nothing else."""
        bits = self.before.bits.get(node)
        if bits:
            self.before.used_as(node, bits[0])
            return "input", self._first_alike.get(bits[0].row, bits[0].row)
        kind = self.graph.nodes[node].kind
        return (kind, self.graph.nodes[node].operands[0]) if kind == "sum" else (kind, node)

    def _keys(self, node: int, in_product: bool, fine: Fineness) -> list[tuple]:
        """What a node goes with."""
        if few := self._few(node, fine):
            return [self._origin_of(leaf) for leaf in few]
        return [("bit", node) if in_product and self.graph.nodes[node].kind == "sum" else self._origin_of(node)]

    def _few(self, node: int, fine: Fineness) -> frozenset[int]:
        """The bits of inputs that a bit of a sum is a function of, where they are few and `fine` asks for it; else none."""
        if fine is None or node in fine:
            return frozenset()
        if node not in self._inputs_of:
            leaves = frozenset()
            if self.graph.nodes[node].kind == "sum" and node not in self.before.bits:
                below = cone(self.graph, [node], self.before.stops)
                leaves = frozenset(number for number in below if number in self.before.bits or not operands(self.graph, number))
            few = len(leaves) <= MOST_LEAVES and all(leaf in self.before.bits for leaf in leaves)
            self._inputs_of[node] = leaves if few else frozenset()
        return self._inputs_of[node]

    def _groups(self, terms: dict[Monomial, int], fine: Fineness) -> list[dict[Monomial, int]]:
        """Products that depend on the same, directly or through others, together. Bits of sums are apart from each other, unless
        all are by themselves."""
        products = {node for monomial in terms if len(monomial) > 1 for node in monomial}
        groups: dict[object, dict[Monomial, int]] = {}
        leader: dict[object, object] = {}

        def find(key):
            while leader.setdefault(key, key) != key:
                key = leader[key]
            return key

        keys = {}
        for monomial in terms:
            own = [key for node in monomial for key in self._keys(node, node in products, fine)]
            keys[monomial] = own[0]
            for key in own:
                leader[find(key)] = find(own[0])
        for monomial, coefficient in terms.items():
            groups.setdefault(find(keys[monomial]), {})[monomial] = coefficient
        return list(groups.values())

    def _together(self, terms: dict[Monomial, int], bits: int, low: int, fine: Fineness) -> tuple[int, int, dict[Monomial, int]]:
        """(least, greatest, terms') of a group, with the same values modulo 2**bits, which are chosen to lie close together; of
        several ways the one in which low + least is the least modulo 2**bits."""
        nodes = sorted({node for monomial in terms for node in monomial})
        few = {node: leaves for node in nodes if (leaves := self._few(node, fine))}
        alone = all(len(monomial) == 1 for monomial in terms) and not few
        if alone and self.graph.nodes[nodes[0]].kind == "sum" and nodes[0] not in self.before.bits:
            word = self.graph.nodes[nodes[0]].operands[0]
            return *self._word_range(word, {self.graph.nodes[node].operands[1]: terms[frozenset((node,))] for node in nodes}), terms
        leaves = sorted((set(nodes) - few.keys()).union(*few.values()))
        if len(leaves) > MOST_TOGETHER:
            return sum(min(c, 0) for c in terms.values()), sum(max(c, 0) for c in terms.values()), terms
        values, possible = self._tried(leaves, few)
        sums = sum((coefficient * _all_of(monomial, values) for monomial, coefficient in terms.items()), np.zeros(1 << len(leaves), np.int64))
        return self._window(leaves, sums, possible, terms, bits, low)

    @staticmethod
    def _window(leaves: list[int], sums: np.ndarray, possible: np.ndarray, terms: dict[Monomial, int], bits: int,
                low: int) -> tuple[int, int, dict[Monomial, int]]:
        """_together, of the sums for all values of the leaves, int64 [2**leaves]."""
        values = np.unique(sums[possible] % (1 << bits))
        gap = np.diff(values, append=values[0] + (1 << bits))
        starts = values[(np.flatnonzero(gap == gap.max()) + 1) % len(values)]
        least = int(min(starts, key=lambda start: (low + int(start)) % (1 << bits)))
        moved = least + (sums - least) % (1 << bits)
        most, turn = int(moved[possible].max()), (moved - sums)[possible]
        if np.all(turn == turn[0]):
            return least, most, {**terms, **({Monomial(): int(turn[0])} if turn[0] else {})}
        _sum_over_subsets(moved, -1)
        found = {frozenset(node for place, node in enumerate(leaves) if subset >> place & 1): int(moved[subset])
                 for subset in np.flatnonzero(moved)}
        return least, most, found

    def _tried(self, leaves: list[int], few: dict[int, frozenset[int]]) -> tuple[dict[int, np.ndarray], np.ndarray]:
        """(bool [2**leaves] of each leaf, and of each bit of `few`, which is a function of leaves; bool [2**leaves]: which can be), as far
        as leaves are bits of inputs."""
        found, places = np.ones(1 << len(leaves), bool), np.arange(1 << len(leaves))
        rows: dict[int, list[tuple[int, Bit]]] = defaultdict(list)
        for index, node in enumerate(leaves):
            if node in self.before.bits:
                bit = self.before.bits[node][0]
                self.before.used_as(node, bit)
                rows[bit.row].append((index, bit))
        for group, integers in self.before.values_of(sorted(rows)):
            members = [(index, bit, column) for column, row in enumerate(group) for index, bit in rows[row]]
            spelled = sum(self.before.value(bit, integers[:, column]).astype(np.int64) << index for index, bit, column in members)
            found &= np.isin(places & sum(1 << index for index, _, _ in members), spelled)
        values, columns = Values(self.graph, len(places)), {node: places >> index & 1 != 0 for index, node in enumerate(leaves)}
        values.known = {node: packed(column) for node, column in columns.items()}
        for number in cone(self.graph, few, lambda node: node in columns):
            values.compute(number)
        return {**columns, **{node: unpacked(values.known[node], len(places)) != 0 for node in few}}, found

    def _word_range(self, word: int, weights: dict[int, int]) -> tuple[int, int]:
        """Least and greatest of sum of weights[bit] * bit of a sum: its highest bits, weighted alike, count as the sum shifted
        right."""
        total = self.graph.sums[word]
        start = total.width
        while start and weights.get(start - 1, 0) and (start == total.width or 2 * weights[start - 1] == weights[start]):
            start -= 1
        least = sum(min(weight, 0) for bit, weight in weights.items() if bit < start)
        most = sum(max(weight, 0) for bit, weight in weights.items() if bit < start)
        if start < total.width:
            self._exact(word)
            low, high = self._ranges[word]
            ends = weights[start] * (low >> start), weights[start] * (high >> start)
            least, most = least + min(ends), most + max(ends)
        return least, most


def _simpler(form: Form, known: Form | None) -> bool:
    """Shorter products, then fewer of them."""
    return known is None or (degree(form), len(form[1])) < (degree(known), len(known[1]))


def _all_of(monomial: Monomial, values: dict[int, np.ndarray]) -> np.ndarray:
    """bool [N]: where all nodes of a product are 1."""
    return np.logical_and.reduce([values[node] for node in monomial])


def _sum_over_subsets(values: np.ndarray, sign: int) -> None:
    """From coefficients of products to the values of their sum, in place; with sign -1 back again."""
    for index in range(len(values).bit_length() - 1):
        halves = values.reshape(-1, 2, 1 << index)
        halves[:, 1] += sign * halves[:, 0]


