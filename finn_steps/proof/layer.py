"""One layer of the specification, found again among the nodes of a design, and proved.

Where: a node is taken for bit j of a neuron's output if it equals it on samples that drive every neuron over its whole range.
That is a guess, which may fail to be proved but proves nothing.

Proof of such a bit, over all values of the layer's inputs:
few inputs   all combinations are tried;
else         its cone is cut where sums begin that follow the accumulator: V = floor((sign * acc - origin) / 2**shift) mod
             2**width, guessed from the samples and proved by expanding V into the bits of the layer's inputs (polynomial.py).
             What is left of sign * acc - V * 2**shift must lie in a window of 2**shift values. Then the cone above the cut is
             tried with every accumulator between the least and the greatest.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from finn_steps.accelerator import SparseLayer
from finn_steps.proof.limits import NotUnderstood
from finn_steps.proof.evaluate import Values, cone, operands
from finn_steps.proof.graph import FRAME, FRAMED, Graph, literal_of, node_of
from finn_steps.proof.polynomial import Form, Monomial, Polynomial, degree, plain_form
from finn_steps.proof.specification import CONSTANT, MOST_ACCUMULATORS, Code, Neuron, Source

MOST_COMBINATIONS = 1 << 12
MOST_VALUES = 1 << 28
"""Of all nodes, where one input decides: then all of its values are tried, if the nodes are so few."""
MOST_INPUTS_TOGETHER = 1 << 15
MOST_TOGETHER, MOST_LEAVES = 16, 10


@dataclass(frozen=True)
class Bit:
    """Bit `index` of input or neuron `row` as `code` spells it; `inverted`: its complement."""

    row: int
    code: str
    index: int
    inverted: int = 0


class Boundary:
    """What the bits of some values are in a design: those that one layer gives, and the next one takes.

    sources   the values of each row; codes[row]: how they may be spelled
    bits      node -> the bits that it is, one for each row and spelling that it fits; the first is the one that is relied on
    used      (node, Bit) pairs on which a proof relies
    neurons, before   what gives these values, and from what; none for the inputs of a first layer
    """

    def __init__(self, sources: list[Source], codes: list[dict[str, Code]], neurons: list[Neuron] = (), before: Boundary | None = None):
        self.sources, self.codes = sources, codes
        self.neurons, self.before = neurons, before
        self.bits: dict[int, list[Bit]] = {}
        self.used: set[tuple[int, Bit]] = set()
        self._known: dict[tuple[int, ...], np.ndarray | None] = {}

    def stops(self, node: int) -> bool:
        return node in self.bits

    def combinations(self, rows: list[int], most: int) -> np.ndarray | None:
        """int64 [N, rows]: what some values can be together: all that each can be, but for neurons that read the same few inputs;
        None where that are more than `most`."""
        parts = self.values_of(rows)
        joined = product_of([values for _, values in parts], most)
        columns = [row for group, _ in parts for row in group]
        return None if joined is None else joined[:, [columns.index(row) for row in rows]]

    def values_of(self, rows: list[int]) -> list[tuple[list[int], np.ndarray]]:
        """The same by groups of rows: (rows, int64 [N, rows]), independent of each other as far as is known."""
        found = []
        for group in self._groups(rows):
            together = self._together(group)
            if together is None:
                found += [(part, self._alone(part[0]) if len(part) < 2 else self._together(part)) for part in self._parts(group)]
            else:
                found.append((group, together))
        return found

    def _alone(self, row: int) -> np.ndarray:
        return self.sources[row].values[:, None]

    def _parts(self, rows: list[int]) -> list[list[int]]:
        """Rows that are too many to be taken together, in parts that are not: a row joins a part of which it reads an input."""
        parts: list[list[int]] = []
        for row in rows:
            for part in parts:
                shares = any(self.neurons[row].weights.keys() & self.neurons[other].weights.keys() for other in part)
                if shares and self._together([*part, row]) is not None:
                    part.append(row)
                    break
            else:
                parts.append([row])
        return parts

    def _groups(self, rows: list[int]) -> list[list[int]]:
        """Rows that read an input in common, directly or through others."""
        groups: list[tuple[set[int], list[int]]] = []
        for row in rows:
            reads = set(self.neurons[row].weights) if self.neurons else {row}
            touched = [group for group in groups if group[0] & reads]
            groups = [group for group in groups if not group[0] & reads]
            groups.append((reads.union(*(group[0] for group in touched)), [*(each for group in touched for each in group[1]), row]))
        return [group for _, group in groups]

    def _together(self, rows: list[int]) -> np.ndarray | None:
        """What neurons that share inputs answer to all that these can be; None where that is too much."""
        if len(rows) < 2 or not self.neurons:
            return None
        key = tuple(rows)
        if key not in self._known:
            reads = sorted({k for row in rows for k in self.neurons[row].weights})
            inputs = self.before.combinations(reads, MOST_INPUTS_TOGETHER)
            if inputs is not None:
                weights = np.array([[self.neurons[row].weights.get(k, 0) for k in reads] for row in rows], np.int64)
                sums = inputs @ weights.T + np.array([self.neurons[row].bias for row in rows])
                inputs = np.unique(np.stack([self.neurons[row].output(sums[:, place]) for place, row in enumerate(rows)], 1), axis=0)
            self._known[key] = inputs
        return self._known[key]

    def assign(self, values: Values, integers: np.ndarray, rows: set[int] | None = None) -> None:
        """Give all nodes here (or those of some rows) the bits of integers [N, rows]."""
        for node, (bit, *_) in self.bits.items():
            if rows is None or bit.row in rows:
                self.used_as(node, bit) if rows is not None else None
                values.known[node] = self.value(bit, integers[:, bit.row])

    def value(self, bit: Bit, integers: np.ndarray) -> np.ndarray:
        return self.codes[bit.row][bit.code].bit(integers, bit.index) ^ np.uint8(bit.inverted)

    @cached_property
    def nodes(self) -> dict[Bit, tuple[int, int]]:
        """For each bit of a value that is to be found: a node, and whether that is its complement."""
        return {Bit(bit.row, bit.code, bit.index): (node, bit.inverted) for node, bits in self.bits.items() for bit in bits}

    def spelled(self, row: int) -> list[tuple[int, Code, int]] | None:
        """(literal, code, index) of all bits of a value that change, in one of its spellings; None where no spelling is whole."""
        for name, code in self.codes[row].items():
            changing = [Bit(row, name, index) for index in range(len(code.weights)) if changes(code, self.sources[row], index)]
            if all(bit in self.nodes for bit in changing) and (changing or self.sources[row].low == self.sources[row].high):
                return [(literal_of(self.nodes[bit][0]) ^ self.nodes[bit][1], code, bit.index) for bit in changing]
        return None

    def used_as(self, node: int, bit: Bit) -> None:
        self.used.add((node, bit))


class LayerProof:
    """A layer between two boundaries. `order`: all nodes of the design, ascending; integers: values of its inputs that can be, int64
    [N, MW]."""

    def __init__(self, graph: Graph, layer: SparseLayer, before: Boundary, order: list[int], integers: np.ndarray):
        self.graph, self.layer, self.before = graph, layer, before
        self.neurons = [Neuron(layer, row, before.sources) for row in range(layer.MH)]
        self.integers = integers
        self.accumulators = self.integers @ layer.weights.T + layer.bias
        self.values = Values(graph, len(self.integers))
        before.assign(self.values, self.integers)
        for number in order:
            self.values.compute(number)
        self._order = order
        self._inputs_of: dict[int, frozenset[int]] = {}
        self._kinds: dict[frozenset[int], int] = {}
        self.reads = self._reads(order)
        self._ranges: dict[int, tuple[int, int]] = {}
        self._firsts: dict[Bit, int] = {}
        self._forms: dict[int, Form | None] = {}
        self._signed: dict[int, Form | None] = {}
        self._places: dict[tuple[int, int, int], tuple[int, int, int] | None] = {}

    def _reads(self, order: list[int]) -> dict[int, int]:
        """For each node that is computed from this layer's inputs, which kinds of bits it depends on, as bits of a number: two
        bits are of a kind if they may belong to the same inputs."""
        found: dict[int, int] = {}
        for number in order:
            if number in self.before.bits:
                rows = frozenset(bit.row for bit in self.before.bits[number])
                constant = self.before.bits[number][0].code == CONSTANT
                found[number] = 0 if constant else 1 << self._kinds.setdefault(rows, len(self._kinds))
            elif number in self.values.known:
                found[number] = 0
                for literal in operands(self.graph, number):
                    found[number] |= found.get(node_of(literal), 0)
        return found

    def boundary(self, refused: set[tuple[int, int]], loose: bool = False) -> Boundary:
        """The outputs of this layer, found among the nodes by their samples; none of the (node, row) in `refused`. A node
        that reads other inputs than the row does is taken only if `loose`, and there is no other. Nodes that never change
        are taken for functions of the smallest row that reads as much: constants, because of what the row can reach."""
        inputs = [sum(1 << place for rows, place in self._kinds.items() if not rows.isdisjoint(neuron.weights)) for neuron in self.neurons]
        found = Boundary([neuron.source for neuron in self.neurons], [neuron.codes for neuron in self.neurons], self.neurons, self.before)
        signatures: dict[bytes, list[Bit]] = defaultdict(list)
        for neuron in self.neurons:
            outputs = neuron.output(self.accumulators[:, neuron.row])
            for name, code in neuron.codes.items():
                for index in range(len(code.weights) if name != CONSTANT else 0):
                    bits = code.bit(outputs, index)
                    if bits.any() and not bits.all():
                        flip = bits[0]
                        signatures[(bits ^ flip).tobytes()].append(Bit(neuron.row, name, index, int(flip)))
        by_size = sorted(range(len(self.neurons)), key=lambda row: len(self.neurons[row].weights))
        constants = [Bit(row, CONSTANT, 0) for row in by_size]
        others: list[tuple[int, Bit]] = []
        for number, samples in self.values.known.items():
            flip = samples[0]
            bits = signatures.get((samples ^ flip).tobytes(), ())
            if not bits and number not in self.before.bits and not (samples ^ flip).any():
                bits = constants
            bits = [Bit(bit.row, bit.code, bit.index, bit.inverted ^ int(flip)) for bit in bits if (number, bit.row) not in refused]
            own = [bit for bit in bits if not self.reads[number] & ~inputs[bit.row]]
            if own:
                found.bits[number] = own
            others += [] if not loose else [(number, bit) for bit in bits if bit not in own and bit.code != CONSTANT]
        there = {(bit.row, bit.code, bit.index) for bits in found.bits.values() for bit in bits}
        for number, bit in others:
            if (bit.row, bit.code, bit.index) not in there:
                found.bits.setdefault(number, []).append(bit)
        for number in self._derived(found):
            if found.bits[number][0].code == CONSTANT:
                del found.bits[number]
        return found

    def _derived(self, found: Boundary) -> list[int]:
        """Of the nodes in a boundary, those that are functions of others in it."""
        known = {0, *(number for number, bits in found.bits.items() if bits[0].code != CONSTANT)}
        derived = []
        for number in self._order:
            reads = operands(self.graph, number)
            if number not in known and reads and all(node_of(literal) in known for literal in reads):
                known.add(number)
                if number in found.bits:
                    derived.append(number)
        return derived

    def prove(self, row: int, wanted: list[tuple[int, Code, int]]) -> None:
        """Each (literal, code, index): the literal is bit `index` of the row's output. NotUnderstood, or Wrong, where it is not
        so."""
        neuron = self.neurons[row]
        roots = sorted({node_of(literal) for literal, _, _ in wanted} - {0})
        for literal, _, _ in wanted:
            if literal & FRAMED and literal & FRAME:
                raise NotUnderstood(f"{neuron.name}: depends on another frame")
        nodes = cone(self.graph, roots, self.before.stops)
        integers = self._combinations(nodes, neuron)
        if integers is not None:
            values = Values(self.graph, len(integers))
            self._assign(values, nodes, integers)
            accumulators = integers[:, list(neuron.weights)] @ np.array([*neuron.weights.values()], np.int64) + neuron.bias
        else:
            accumulators = self._all_accumulators(neuron)
            values = Values(self.graph, len(accumulators))
            nodes = self._cut(neuron, roots, values, accumulators)
        for number in nodes:
            values.compute(number)
        outputs = neuron.output(accumulators)
        for literal, code, index in wanted:
            value = values.literal(literal)
            if value is None:
                raise NotUnderstood(f"{neuron.name}: output bit {index} depends on what the checker cannot follow: "
                                    f"{self._unknown(values, node_of(literal))}")
            wrong = np.flatnonzero(value != code.bit(outputs, index))
            if len(wrong):
                raise Wrong(f"{neuron.name}: bit {index} of the output is {value[wrong[0]]} for accumulator {accumulators[wrong[0]]}, "
                            f"whose output is {outputs[wrong[0]]}")

    @staticmethod
    def _all_accumulators(neuron: Neuron) -> np.ndarray:
        if neuron.high - neuron.low >= MOST_ACCUMULATORS:
            raise NotUnderstood(f"{neuron.name}: too large, {neuron.high - neuron.low + 1} accumulators, the limit is {MOST_ACCUMULATORS}")
        return neuron.accumulators

    def _assign(self, values: Values, nodes: list[int], integers: np.ndarray) -> None:
        for node in nodes:
            if node in self.before.bits:
                bit = self.before.bits[node][0]
                self.before.used_as(node, bit)
                values.known[node] = self.before.value(bit, integers[:, bit.row])

    def _combinations(self, nodes: list[int], neuron: Neuron) -> np.ndarray | None:
        """int64 [N, MW]: all combinations of the inputs that the nodes and the row depend on, where they are few; the others are
        0."""
        bits = [self.before.bits[node][0] for node in nodes if node in self.before.bits]
        rows = {bit.row for bit in bits if bit.code != CONSTANT} | set(neuron.weights)
        most = MOST_COMBINATIONS if len(rows) > 1 else max(MOST_COMBINATIONS, MOST_VALUES // max(1, len(nodes)))
        together = self.before.combinations(sorted(rows), most)
        if together is None:
            return None
        integers = np.zeros((len(together), self.layer.MW), np.int64)
        integers[:, sorted(rows)] = together
        return integers[self._consistent(nodes, rows, integers)]

    def _consistent(self, nodes: list[int], rows: set[int], integers: np.ndarray) -> np.ndarray:
        """bool [N]: where all bits that a node is are the same."""
        same = np.ones(len(integers), bool)
        for node in nodes:
            bits = [bit for bit in self.before.bits.get(node, ()) if bit.row in rows and bit.code != CONSTANT]
            for bit in bits[1:]:
                self.before.used_as(node, bits[0])
                self.before.used_as(node, bit)
                same &= self.before.value(bit, integers[:, bit.row]) == self.before.value(bits[0], integers[:, bits[0].row])
        return same

    def _unknown(self, values: Values, number: int) -> str:
        """The lowest node without a value."""
        while True:
            below = [node_of(literal) for literal in operands(self.graph, number) if values.literal(literal) is None]
            if not below:
                node = self.graph.nodes[number]
                return f"{node.kind} {node.operands}"
            number = below[0]

    def _cut(self, neuron: Neuron, roots: list[int], values: Values, accumulators: np.ndarray) -> list[int]:
        """Give the nodes of a cut below the roots their values for all accumulators; the nodes above it, ascending."""
        waiting, seen = list(roots), set()
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            place = self._place(neuron, number)
            if place is not None:
                sign, shift, origin = place
                values.known[number] = (sign * accumulators - origin >> shift & 1).astype(np.uint8)
            else:
                waiting += [node_of(literal) for literal in operands(self.graph, number) if literal > 1]
        return sorted(seen)

    def _place(self, neuron: Neuron, number: int) -> tuple[int, int, int] | None:
        """(sign, shift, origin): a node is bit `shift` of sign * accumulator - origin, proved; None where it is not known to
        be."""
        node = self.graph.nodes[number]
        if number in self.before.bits:
            return self._origin(neuron, -number, 0)
        if node.kind == "sum":
            word, bit = node.operands
            tops = dict.fromkeys((self.graph.sums[word].width - 1, bit))
        else:
            word, bit, tops = -number, 0, (0,)
        for top in tops:
            found = self._known_origin(neuron, word, top)
            if found is not None:
                sign, shift, origin = found
                return sign, shift + bit, origin
        return None

    def _known_origin(self, neuron: Neuron, word: int, top: int) -> tuple[int, int, int] | None:
        """_origin, remembered; None where it cannot be proved."""
        key = neuron.row, word, top
        if key not in self._places:
            try:
                self._places[key] = self._origin(neuron, word, top)
            except NotUnderstood:
                self._places[key] = None
        return self._places[key]

    def _guess(self, neuron: Neuron, word: int, bit: int) -> tuple[int, int] | None:
        """(sign, shift) with which the samples of a word, up to `bit`, follow the accumulator; of a node where word is
        negative."""
        if word < 0:
            if -word not in self.values.known:
                return None
            samples, width = self.values.known[-word].astype(np.int64), 1
        else:
            if word not in self.values.words:
                self.values.words[word] = self.values.word(word)
            samples, width = self.values.words[word], bit + 1
            if samples is None or width > 40:
                return None
            samples = (samples & np.uint64((1 << width) - 1)).astype(np.int64)
        accumulator = self.accumulators[:, neuron.row]
        for shift in range(max(1, (neuron.high - neuron.low).bit_length())):
            for sign in (1, -1):
                size = 1 << width + shift
                apart = sign * accumulator - (samples << shift)
                apart = (apart - apart[0] + size // 2 & size - 1) - size // 2
                if int(apart.max()) - int(apart.min()) < 1 << shift:
                    return sign, shift
        return None

    def _origin(self, neuron: Neuron, word: int, bit: int) -> tuple[int, int, int]:
        """(sign, shift, origin): a word, up to `bit`, is floor((sign * accumulator - origin) / 2**shift), proved."""
        guess = self._guess(neuron, word, bit)
        if guess is None:
            raise NotUnderstood(f"{neuron.name}: {self._where(abs(word))} does not follow the accumulator")
        sign, shift = guess
        bits = bit + 1 + shift
        polynomial = Polynomial(self.graph, bits)
        polynomial.add_form(plain_form(self.graph.sums[word]) if word >= 0 else (0, {frozenset((-word,)): 1}), -1 << shift)
        constant, left = self._expand(polynomial, self.before.stops)
        constant, left = self._take_inputs(neuron, left, constant + sign * neuron.bias, sign, bits)
        low, high, _ = self._bounded((constant, left), bits)
        if high - low >= 1 << shift:
            low, high, _ = self._bounded((constant, left), bits, fine=True)
        if high - low >= 1 << shift:
            raise NotUnderstood(f"{neuron.name}: its sum is not that of its weights: {len(left)} bits differ, "
                                f"such as {self._where(min(min(left, key=len)))}")
        return sign, shift, low

    def _where(self, number: int) -> str:
        bits = self.before.bits.get(number)
        return f"bit {bits[0].index} of input {bits[0].row}" if bits else f"{self.graph.nodes[number].kind} {number}"

    def _take_inputs(self, neuron: Neuron, left: dict[Monomial, int], constant: int, sign: int, bits: int) -> Form:
        """Add sign * (weights @ inputs) to a form: what is left of it."""
        mask = (1 << bits) - 1
        symbols: dict[Bit, int] = defaultdict(int)
        nodes: dict[Bit, list[int]] = defaultdict(list)
        rest: dict[Monomial, int] = {}
        for monomial, coefficient in left.items():
            number = min(monomial)
            if len(monomial) > 1 or number not in self.before.bits:
                rest[monomial] = coefficient
                continue
            first = self.before.bits[number][0]
            plain = Bit(first.row, first.code, first.index)
            if first.inverted:
                constant, coefficient = constant + coefficient, -coefficient
            symbols[plain] += coefficient
            nodes[plain].append(number)
            self.before.used_as(number, first)
        meant: dict[Bit, tuple[Bit, int]] = {}
        for plain, numbers in nodes.items():
            first, *others = self.before.bits[numbers[0]]
            for other in (first, *others):
                meant[Bit(other.row, other.code, other.index)] = plain, first.inverted ^ other.inverted
        for k, weight in neuron.weights.items():
            source = self.before.sources[k]
            if source.low == source.high:
                constant += sign * weight * source.low
                continue
            name, code = self._spelled(neuron, k, meant)
            constant += sign * weight * code.offset
            for index, wanted in enumerate(code.weights):
                amount, values = sign * weight * wanted, code.bit(source.values, index)
                if values.all() or not values.any():
                    constant += amount * int(values[0])
                elif amount & mask:
                    bit = Bit(k, name, index)
                    if bit not in meant:
                        node, inverted = self.before.nodes[bit]
                        meant[bit] = bit, 0
                        nodes[bit].append(node)
                        self.before.used_as(node, Bit(k, name, index, inverted))
                    plain, inverted = meant[bit]
                    if inverted:
                        constant, amount = constant + amount, -amount
                    symbols[plain] += amount
                    for number in nodes[plain]:
                        own = next(own for own in self.before.bits[number] if (own.row, own.code, own.index) == (k, name, index))
                        self.before.used_as(number, own)
        for plain, coefficient in symbols.items():
            if coefficient & mask:
                node = nodes[plain][0]
                own = next(own for own in self.before.bits[node] if (own.row, own.code, own.index) == (plain.row, plain.code, plain.index))
                if own.inverted:
                    constant, coefficient = constant + coefficient, -coefficient
                rest[frozenset((node,))] = rest.get(frozenset((node,)), 0) + _centred(coefficient, bits)
        return constant, rest

    def _spelled(self, neuron: Neuron, k: int, meant: dict[Bit, tuple[Bit, int]]) -> tuple[str, Code]:
        """The code in which input k is read: of those of which all bits that are not constant are there, the one of which most
        are read."""
        source, best = self.before.sources[k], None
        for name, code in self.before.codes[k].items():
            changing = [Bit(k, name, index) for index in range(len(code.weights)) if changes(code, source, index)]
            if changing and all(bit in self.before.nodes for bit in changing):
                read = sum(bit in meant for bit in changing)
                if best is None or read > best[0]:
                    best = read, name, code
        if best is None:
            raise NotUnderstood(f"{neuron.name}: input {k} is not to be found in the design, or not in a way that the checker knows")
        return best[1:]

    def _expand(self, polynomial: Polynomial, stops) -> Form:
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

    def _exact(self, word: int) -> Form | None:
        """A sum as a number, not modulo a power of two; None where it might overflow, for all that the checker knows. Of several
        forms the simplest."""
        if word not in self._forms:
            total = self.graph.sums[word]
            self._forms[word], self._signed[word], self._ranges[word] = None, None, (0, (1 << total.width) - 1)
            half = 1 << total.width - 1
            for stops, fine in product((self._stops_at_sums, self.before.stops), (False, True)):
                polynomial = Polynomial(self.graph, total.width)
                polynomial.add_form(plain_form(total), 1)
                low, high, form = self._bounded(self._expand(polynomial, stops), total.width, fine)
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
        return self._forms[word]

    def _stops_at_sums(self, node: int) -> bool:
        return self.before.stops(node) or self.graph.nodes[node].kind == "sum"

    def _bounded(self, form: Form, bits: int, fine: bool = False) -> tuple[int, int, Form]:
        """(least, greatest, form'): a form with the same values modulo 2**bits, and how far it reaches at most; the least is not
        negative and less than 2**bits. What depends on the same inputs or bits is tried together; all else is taken to be
        independent. With `fine`, bits of sums of few inputs are tried with these."""
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
        """What the value of a node goes with: an input, a sum, or nothing else."""
        bits = self.before.bits.get(node)
        if bits:
            self.before.used_as(node, bits[0])
            return "input", bits[0].row
        kind = self.graph.nodes[node].kind
        return (kind, self.graph.nodes[node].operands[0]) if kind == "sum" else (kind, node)

    def _keys(self, node: int, in_product: bool, fine: bool) -> list[tuple]:
        """What a node goes with."""
        if fine and self._few(node):
            return [self._origin_of(leaf) for leaf in self._few(node)]
        return [("bit", node) if in_product and self.graph.nodes[node].kind == "sum" else self._origin_of(node)]

    def _few(self, node: int) -> frozenset[int]:
        """The bits of inputs that a bit of a sum is a function of, where they are few; else none."""
        if node not in self._inputs_of:
            leaves = frozenset()
            if self.graph.nodes[node].kind == "sum" and node not in self.before.bits:
                below = cone(self.graph, [node], self.before.stops)
                leaves = frozenset(number for number in below if number in self.before.bits or not operands(self.graph, number))
            few = len(leaves) <= MOST_LEAVES and all(leaf in self.before.bits for leaf in leaves)
            self._inputs_of[node] = leaves if few else frozenset()
        return self._inputs_of[node]

    def _groups(self, terms: dict[Monomial, int], fine: bool) -> list[dict[Monomial, int]]:
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

    def _together(self, terms: dict[Monomial, int], bits: int, low: int, fine: bool) -> tuple[int, int, dict[Monomial, int]]:
        """(least, greatest, terms') of a group, with the same values modulo 2**bits, which are chosen to lie close together; of
        several ways the one in which low + least is the least modulo 2**bits."""
        nodes = sorted({node for monomial in terms for node in monomial})
        few = {node: self._few(node) for node in nodes if fine and self._few(node)}
        alone = all(len(monomial) == 1 for monomial in terms) and not few
        if alone and self.graph.nodes[nodes[0]].kind == "sum" and nodes[0] not in self.before.bits:
            word = self.graph.nodes[nodes[0]].operands[0]
            return *self._word_range(word, {self.graph.nodes[node].operands[1]: terms[frozenset((node,))] for node in nodes}), terms
        nodes = sorted(set(nodes).union(*few.values()))
        if len(nodes) > MOST_TOGETHER:
            return sum(min(c, 0) for c in terms.values()), sum(max(c, 0) for c in terms.values()), terms
        place = {node: index for index, node in enumerate(nodes)}
        sums = np.zeros(1 << len(nodes), np.int64)
        for monomial, coefficient in terms.items():
            sums[sum(1 << place[node] for node in monomial)] = coefficient
        _sum_over_subsets(sums, 1)
        possible = self._possible(nodes, few)
        values = np.unique(sums[possible] % (1 << bits))
        gap = np.diff(values, append=values[0] + (1 << bits))
        starts = values[(np.flatnonzero(gap == gap.max()) + 1) % len(values)]
        least = int(min(starts, key=lambda start: (low + int(start)) % (1 << bits)))
        sums = least + (sums - least) % (1 << bits)
        most = int(sums[possible].max())
        _sum_over_subsets(sums, -1)
        found = {frozenset(node for node in nodes if subset >> place[node] & 1): int(sums[subset]) for subset in np.flatnonzero(sums)}
        return least, most, found

    def _possible(self, nodes: list[int], few: dict[int, frozenset[int]]) -> np.ndarray:
        """bool [2**nodes]: which values of some nodes together can be, as far as they are bits of inputs, or functions of `few`
        of these."""
        found, places = np.ones(1 << len(nodes), bool), np.arange(1 << len(nodes))
        rows: dict[int, list[tuple[int, Bit]]] = defaultdict(list)
        for index, node in enumerate(nodes):
            if node in self.before.bits:
                bit = self.before.bits[node][0]
                self.before.used_as(node, bit)
                rows[bit.row].append((index, bit))
        for group, integers in self.before.values_of(sorted(rows)):
            members = [(index, bit, column) for column, row in enumerate(group) for index, bit in rows[row]]
            spelled = sum(self.before.value(bit, integers[:, column]).astype(np.int64) << index for index, bit, column in members)
            found &= np.isin(places & sum(1 << index for index, _, _ in members), spelled)
        values = Values(self.graph, len(places))
        columns = {node: (places >> index & 1).astype(np.uint8) for index, node in enumerate(nodes)}
        values.known = {node: column for node, column in columns.items() if node in self.before.bits}
        for number in cone(self.graph, few, self.before.stops):
            values.compute(number)
        for node in few:
            if node in values.known:
                found &= values.known[node] == columns[node]
        return found

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


class Wrong(NotUnderstood):
    """The design differs from its specification."""


def product_of(parts: list[np.ndarray], most: int) -> np.ndarray | None:
    """int64 [N, columns]: every row of one part with every row of the others; None where that are more than `most`."""
    if math.prod(len(part) for part in parts) > most:
        return None
    joined = np.zeros((1, 0), np.int64)
    for part in parts:
        joined = np.concatenate([np.repeat(joined, len(part), 0), np.tile(part, (len(joined), 1))], 1)
    return joined


def _simpler(form: Form, known: Form | None) -> bool:
    """Shorter products, then fewer of them."""
    return known is None or (degree(form), len(form[1])) < (degree(known), len(known[1]))


def _sum_over_subsets(values: np.ndarray, sign: int) -> None:
    """From coefficients of products to the values of their sum, in place; with sign -1 back again."""
    for index in range(len(values).bit_length() - 1):
        halves = values.reshape(-1, 2, 1 << index)
        halves[:, 1] += sign * halves[:, 0]


def _centred(coefficient: int, bits: int) -> int:
    half = 1 << bits - 1
    return (coefficient + half - 1 & (1 << bits) - 1) - half + 1


def changes(code: Code, source: Source, index: int) -> bool:
    """Whether a bit is not the same for all values."""
    bits = code.bit(source.values, index)
    return bool(bits.any() and not bits.all())
