"""Words of a design that follow a neuron's accumulator: floor((sign * accumulator - origin) / 2**shift) mod 2**width, guessed from
samples and proved by expanding them into the bits of the layer's inputs."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from finn_steps.proof.boundary import Bit, Boundary, changes
from finn_steps.proof.bounds import COARSE, FINE, Bounds
from finn_steps.proof.evaluate import Values, unpacked
from finn_steps.proof.graph import Graph
from finn_steps.proof.limits import NotUnderstood
from finn_steps.proof.polynomial import Form, Monomial, Polynomial, plain_form
from finn_steps.proof.specification import CONSTANT, Code, Neuron

SOME = 48
"""Samples that are looked at before all of them."""
MOST_BITS = 40
"""Of a word that is looked at."""
MOST_FOLLOWERS = 12
"""Of bits that are left of a sum and follow the accumulator by themselves."""


class Followers:
    """values: samples of the nodes; accumulators: those of each neuron for them, int64 [N, MH]."""

    def __init__(self, graph: Graph, before: Boundary, values: Values, accumulators: np.ndarray):
        self.graph, self.before = graph, before
        self.values, self.accumulators = values, accumulators
        self.bounds = Bounds(graph, before)
        self._places: dict[tuple[int, int, int], tuple[int, int, int] | None] = {}
        self._integers: dict[int, tuple[np.ndarray, int]] = {}

    def place(self, neuron: Neuron, number: int) -> tuple[int, int, int] | None:
        """(sign, shift, origin): a node is bit `shift` of sign * accumulator - origin, proved; None where it is not known to
        be."""
        node = self.graph.nodes[number]
        if node.kind == "sum" and number not in self.before.bits:
            word, bit = node.operands
            tops = reversed(range(bit, self.graph.sums[word].width))
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
            self._places[key] = None  # for what asks again on the way
            try:
                self._places[key] = self._origin(neuron, word, top)
            except NotUnderstood:
                pass
        return self._places[key]

    def _integer(self, word: int) -> tuple[np.ndarray, int]:
        """int64: the samples of a sum, of those of its lowest bits that are known; and how many these are, at most MOST_BITS."""
        if word not in self._integers:
            columns = self.values.columns(word)[:MOST_BITS]
            self._integers[word] = sum((unpacked(column, self.values.size).astype(np.int64) << bit for bit, column in enumerate(columns)),
                                       np.zeros(self.values.size, np.int64)), len(columns)
        return self._integers[word]

    def _guess(self, neuron: Neuron, word: int, bit: int) -> tuple[int, int] | None:
        """(sign, shift) with which the samples of a word, up to `bit`, follow the accumulator; of a node where word is
        negative."""
        if word < 0:
            if -word not in self.values.known:
                return None
            samples, width = unpacked(self.values.known[-word], self.values.size).astype(np.int64), 1
        else:
            (samples, known), width = self._integer(word), bit + 1
            if width > known:
                return None
            samples = samples & (1 << width) - 1
        accumulator = self.accumulators[:, neuron.row]
        for shift in range(max(1, (neuron.high - neuron.low).bit_length())):
            for sign in (1, -1):
                if all(_follows(sign * accumulator[part], samples[part], width, shift) for part in (slice(SOME), slice(None))):
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
        whole = self.bounds.expand(polynomial, self.before.stops)
        constant, left = self._take_inputs(neuron, whole, sign, bits)
        fallen_off = frozenset(node for monomial, coefficient in left.items() if abs(coefficient) < 1 << shift for node in monomial)
        for fine in (COARSE, FINE, fallen_off):
            low, high, _ = self.bounds.bounded((constant, left), bits, fine)
            if high - low < 1 << shift:
                return sign, shift, low
        low = self._least_by_followers(neuron, whole, sign, shift, bits)
        if low is None:
            raise NotUnderstood(f"{neuron.name}: its sum is not that of its weights: {len(left)} bits differ, "
                                f"such as {self._where(min(min(left, key=len)))}")
        return sign, shift, low

    def _least_by_followers(self, neuron: Neuron, whole: Form, sign: int, shift: int, bits: int) -> int | None:
        """The least of what is left of sign * accumulator, where all that is left follows the accumulator too once some multiple of it is
        taken: as the lowest bits do, that no adder took up. None where it is not so, or does not lie in 2**shift values."""
        for more in (0, *(way << place for place in range(1, bits) for way in (1, -1, 3, -3))):
            constant, left = self._take_inputs(neuron, whole, sign + more, bits)
            if len(left) > MOST_FOLLOWERS or any(len(monomial) > 1 for monomial in left):
                continue
            remainder = constant - more * neuron.accumulators
            for (node,), coefficient in left.items():
                place = self.place(neuron, node)
                if place is None:
                    break
                remainder = remainder + coefficient * (place[0] * neuron.accumulators - place[2] >> place[1] & 1)
            else:
                return _least_of(remainder % (1 << bits), shift, bits)
        return None

    def _where(self, number: int) -> str:
        bits = self.before.bits.get(number)
        return f"bit {bits[0].index} of input {bits[0].row}" if bits else f"{self.graph.nodes[number].kind} {number}"

    def _take_inputs(self, neuron: Neuron, form: Form, sign: int, bits: int) -> Form:
        """Add sign * accumulator to a form: what is left of it, modulo 2**bits. `sign` may be any number."""
        mask, (constant, left) = (1 << bits) - 1, form
        constant += sign * neuron.bias
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
        for k, weight in self._terms(neuron, nodes, sign, mask).items():
            source = self.before.sources[k]
            if source.low == source.high:
                constant += sign * weight * source.low
                continue
            name, code = self._spelled(neuron, k, meant, sign * weight, mask)
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

    def _terms(self, neuron: Neuron, nodes: dict[Bit, list[int]], sign: int, mask: int) -> dict[int, int]:
        """The weights of a neuron; of two inputs that are a pair, that of the pair, unless there are bits that are of the two alone, and all of
        these."""
        weights = dict(neuron.weights)
        read = [{bit.row for bit in self.before.bits[number]} for numbers in nodes.values() for number in numbers]
        for row, pair in self.before.pairs_read(weights).items():
            apart = any(row not in rows and not rows.isdisjoint((pair.u, pair.h)) for rows in read)
            if not apart or not all(self._spellings(k, sign * weights[k], mask) for k in (pair.u, pair.h)):
                weights[row] = weights.pop(pair.u)
                del weights[pair.h]
        return weights

    def _spelled(self, neuron: Neuron, k: int, meant: dict[Bit, tuple[Bit, int]], factor: int, mask: int) -> tuple[str, Code]:
        """The code in which input k is read: of those that are there the one of which most bits are read."""
        found = self._spellings(k, factor, mask)
        if not found:
            raise NotUnderstood(f"{neuron.name}: input {k} is not to be found in the design, or not in a way that the checker knows")
        name = max(found, key=lambda name: sum(bit in meant for bit in found[name]))
        return name, self.before.codes[k][name]

    def _spellings(self, k: int, factor: int, mask: int) -> dict[str, list[Bit]]:
        """Codes of which all bits are there that are not constant, and matter with such a factor; and these bits."""
        source, found = self.before.sources[k], {}
        for name, code in self.before.codes[k].items():
            bits = [Bit(k, name, index) for index, weight in enumerate(code.weights) if factor * weight & mask and changes(code, source, index)]
            if name != CONSTANT and all(bit in self.before.nodes for bit in bits):
                found[name] = bits
        return found


def _follows(accumulator: np.ndarray, samples: np.ndarray, width: int, shift: int) -> bool:
    """Whether some samples are floor((accumulator - origin) / 2**shift) mod 2**width for some origin."""
    size = 1 << width + shift
    apart = accumulator - (samples << shift)
    apart = (apart - apart[0] + size // 2 & size - 1) - size // 2
    return int(apart.max()) - int(apart.min()) < 1 << shift


def _least_of(values: np.ndarray, shift: int, bits: int) -> int | None:
    """From where on some numbers modulo 2**bits lie in 2**shift values; None where they do not."""
    values = np.unique(values)
    gaps = np.diff(values, append=values[0] + (1 << bits))
    widest = int(gaps.argmax())
    return int(values[(widest + 1) % len(values)]) if (1 << bits) - gaps[widest] < 1 << shift else None


def _centred(coefficient: int, bits: int) -> int:
    half = 1 << bits - 1
    return (coefficient + half - 1 & (1 << bits) - 1) - half + 1


