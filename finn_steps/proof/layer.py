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

from collections import defaultdict

import numpy as np

from finn_steps.proof.boundary import Bit, Boundary
from finn_steps.proof.evaluate import Values, cone, operands, packed, unpacked
from finn_steps.proof.graph import FRAME, FRAMED, Graph, node_of
from finn_steps.proof.limits import Deadline, NotUnderstood
from finn_steps.proof.linear import Followers
from finn_steps.proof.rows import Rows
from finn_steps.proof.specification import CONSTANT, MOST_ACCUMULATORS, Code, Neuron

MOST_COMBINATIONS, MOST_IN_THE_END = 1 << 13, 1 << 18
"""Of the inputs of a neuron, tried at once, and tried where nothing else proves it."""
MOST_VALUES = 1 << 28
"""Of all nodes, where one input decides: then all of its values are tried, if the nodes are so few."""
Wanted = tuple[int, Code, int]
"""A literal, and which bit of which spelling of a neuron's output it is to be."""


class LayerProof:
    """A layer between two boundaries. `order`: all nodes of the design, ascending; integers: values of its inputs that can be, int64
    [N, MW]."""

    def __init__(self, graph: Graph, layer: Rows, before: Boundary, order: list[int], integers: np.ndarray,
                 deadline: Deadline):
        self.deadline = deadline
        self.graph, self.layer, self.before = graph, layer, before
        alike = before.alike()
        self.neurons = [Neuron(layer, row, before.sources, [alike, before.values_of(np.flatnonzero(layer.weights[row]).tolist())])
                        for row in range(len(layer.weights))]
        self.integers = integers
        self.accumulators = self.integers[:, : layer.layer.MW] @ layer.weights.T + layer.bias
        self.values = Values(graph, len(self.integers))
        before.assign(self.values, self.integers)
        for number in order:
            self.values.compute(number)
        self._order = order
        self._kinds: dict[frozenset[int], int] = {}
        self.reads = self._reads(order)
        self.followers = Followers(graph, before, self.values, self.accumulators)

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
        reads = [neuron.weights.keys() | self.before.pairs_read(neuron.weights).keys() for neuron in self.neurons]
        inputs = [sum(1 << place for rows, place in self._kinds.items() if not rows.isdisjoint(own)) for own in reads]
        found = Boundary([neuron.source for neuron in self.neurons], [neuron.codes for neuron in self.neurons], self.neurons, self.before,
                         self.layer.by_row)
        signatures: dict[bytes, list[Bit]] = defaultdict(list)
        for neuron in self.neurons:
            outputs = neuron.output(self.accumulators[:, neuron.row])
            for name, code in neuron.codes.items():
                for index in range(len(code.weights) if name != CONSTANT else 0):
                    bits = code.bit(outputs, index)
                    if bits.any() and not bits.all():
                        flip = bits[0]
                        signatures[packed(bits ^ flip).tobytes()].append(Bit(neuron.row, name, index, int(flip)))
        by_size = sorted(range(len(self.neurons)), key=lambda row: len(self.neurons[row].weights))
        constants = [Bit(row, CONSTANT, 0) for row in by_size]
        others: list[tuple[int, Bit]] = []
        for number in self.reads:  # inputs that no answer depends on are no bits of a neuron
            samples = self.values.known[number]
            flip = int(samples[0]) & 1
            samples = samples ^ self.values.ones if flip else samples
            bits = signatures.get(samples.tobytes(), ())
            if not bits and number not in self.before.bits and not samples.any():
                bits = constants
            bits = [Bit(bit.row, bit.code, bit.index, bit.inverted ^ flip) for bit in bits if (number, bit.row) not in refused]
            own = [bit for bit in bits if not self.reads[number] & ~inputs[bit.row]]
            if own:
                found.bits[number] = own
            others += [] if not loose else [(number, bit) for bit in bits if bit not in own and bit.code != CONSTANT]
        there = {(bit.row, bit.code, bit.index) for bits in found.bits.values() for bit in bits}
        for number, bit in others:
            if (bit.row, bit.code, bit.index) not in there:
                found.bits.setdefault(number, []).append(bit)
        self._leave_out(found, self._derived(found))
        return found

    @staticmethod
    def _leave_out(found: Boundary, derived: list[int]) -> None:
        """Nodes that are functions of others in the boundary, where there is another node for the same bit: such a function may be that
        bit only because of what rows can be together."""
        there = {(bit.row, bit.code, bit.index) for number in found.bits.keys() - set(derived) for bit in found.bits[number]}
        for number in derived:
            left = [bit for bit in found.bits[number] if bit.code != CONSTANT and (bit.row, bit.code, bit.index) not in there]
            found.bits[number] = left
            if not left:
                del found.bits[number]

    def _derived(self, found: Boundary) -> list[int]:
        """Of the nodes in a boundary, those that are functions of others in it."""
        known = {0, *(number for number, bits in found.bits.items() if bits[0].code != CONSTANT)}
        derived = []
        for number in self._order:
            reads = operands(self.graph, number)
            if reads and all(node_of(literal) in known for literal in reads):
                known.add(number)
                if number in found.bits:
                    derived.append(number)
        return derived

    def prove(self, row: int, wanted: list[Wanted]) -> None:
        """Each (literal, code, index): the literal is bit `index` of the row's output. NotUnderstood, or Wrong, where it is not
        so."""
        neuron = self.neurons[row]
        roots = sorted({node_of(literal) for literal, _, _ in wanted} - {0})
        for literal, _, _ in wanted:
            if literal & FRAMED and literal & FRAME:
                raise NotUnderstood(f"{neuron.name}: depends on another frame")
        nodes = cone(self.graph, roots, self.before.stops)
        if self._by_inputs(neuron, nodes, wanted, MOST_COMBINATIONS):
            return
        try:
            self._by_accumulator(neuron, roots, wanted)
        except NotUnderstood:  # perhaps because of accumulators that no inputs give
            if not self._by_inputs(neuron, nodes, wanted, MOST_IN_THE_END):
                raise

    def _by_inputs(self, neuron: Neuron, nodes: list[int], wanted: list[Wanted], most: int) -> bool:
        """Try all combinations of the inputs that the nodes and the row depend on; False where that are too many."""
        bits = [self.before.bits[node][0] for node in nodes if node in self.before.bits]
        rows = sorted({bit.row for bit in bits if bit.code != CONSTANT} | set(neuron.weights))
        if len(rows) == 1:
            most = max(most, MOST_VALUES // max(1, len(nodes)))
        chunks = self.before.chunks(rows, most)
        for together in chunks or ():
            self.deadline.check()
            self._try(neuron, nodes, rows, together[self._consistent(nodes, rows, together)], wanted)
        return chunks is not None

    def _try(self, neuron: Neuron, nodes: list[int], rows: list[int], together: np.ndarray, wanted: list[Wanted]) -> None:
        """With some values of inputs, int64 [N, rows]."""
        integers = dict(zip(rows, together.T))
        values = Values(self.graph, len(together))
        for node in nodes:
            if node in self.before.bits:
                bit = self.before.bits[node][0]
                self.before.used_as(node, bit)
                read = np.zeros(values.size, np.int64) if bit.code == CONSTANT else integers[bit.row]
                values.known[node] = packed(self.before.value(bit, read))
        accumulators = sum((weight * integers[k] for k, weight in neuron.weights.items()), np.full(len(together), neuron.bias))
        for number in nodes:
            values.compute(number)
        self._compare(neuron, values, accumulators, wanted)

    def _by_accumulator(self, neuron: Neuron, roots: list[int], wanted: list[Wanted]) -> None:
        """Cut where words follow the accumulator, and try all that it may be."""
        if neuron.high - neuron.low >= MOST_ACCUMULATORS:
            raise NotUnderstood(f"{neuron.name}: too large, {neuron.high - neuron.low + 1} accumulators, the limit is {MOST_ACCUMULATORS}")
        values = Values(self.graph, len(neuron.accumulators))
        self._cut(neuron, roots, values, neuron.accumulators)
        self._compare(neuron, values, neuron.accumulators, wanted)

    @staticmethod
    def _compare(neuron: Neuron, values: Values, accumulators: np.ndarray, wanted: list[Wanted]) -> None:
        outputs = neuron.output(accumulators)
        for literal, code, index in wanted:
            value = values.literal(literal)
            if value is None:
                raise NotUnderstood(f"{neuron.name}: output bit {index} depends on what the checker cannot follow")
            wrong = np.flatnonzero(unpacked(value ^ packed(code.bit(outputs, index)), values.size))
            if len(wrong):
                raise Wrong(f"{neuron.name}: bit {index} of the output is {1 - code.bit(outputs, index)[wrong[0]]} for accumulator "
                            f"{accumulators[wrong[0]]}, whose output is {outputs[wrong[0]]}")

    def _consistent(self, nodes: list[int], rows: list[int], together: np.ndarray) -> np.ndarray:
        """bool [N]: where all bits that a node is are the same."""
        same, column = np.ones(len(together), bool), {row: place for place, row in enumerate(rows)}
        for node in nodes:
            bits = [bit for bit in self.before.bits.get(node, ()) if bit.row in column and bit.code != CONSTANT]
            for bit in bits[1:]:
                self.before.used_as(node, bits[0])
                self.before.used_as(node, bit)
                first, other = (self.before.value(each, together[:, column[each.row]]) for each in (bits[0], bit))
                same &= first == other
        return same

    def _cut(self, neuron: Neuron, roots: list[int], values: Values, accumulators: np.ndarray) -> None:
        """Give nodes below the roots that follow the accumulator their values for all accumulators, and the nodes above them theirs:
        words first; where roots are not known by these, single bits too."""
        for bits_too in (False, True):
            waiting, seen = [root for root in roots if root not in values.known], set()
            while waiting:
                number = waiting.pop()
                if number in seen or number in values.known:
                    continue
                seen.add(number)
                word = self.graph.nodes[number].kind == "sum"
                place = self.followers.place(neuron, number) if word or bits_too else None
                if place is not None:
                    sign, shift, origin = place
                    values.known[number] = packed((sign * accumulators - origin >> shift & 1).astype(np.uint8))
                elif not self.before.stops(number):
                    waiting += [node_of(literal) for literal in operands(self.graph, number) if literal > 1]
            values.forget()
            for number in sorted(seen):
                values.compute(number)


class Wrong(NotUnderstood):
    """The design differs from its specification."""


