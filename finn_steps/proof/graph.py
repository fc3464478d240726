"""What the wires of a design carry in a cycle, as functions of the frames that came in.

A *literal* is an integer: 0 and 1 are the constants; else it says which node, of which frame, and whether it is complemented.
Nodes are hash-consed up to a shift in time: a node's operands name frames from the earliest that it depends on, which is its
frame 0. So the answers to all frames are the same node, and two states of a machine are equal if they are equal up to the number
of frames that came in between. Nodes are made after what they depend on, so a greater number is never below a lesser one.
"""

from __future__ import annotations

from dataclasses import dataclass

FRAME_BITS = 20
FRAMED = 2
FRAME = ((1 << FRAME_BITS) - 1) << 2
SHIFT = FRAME_BITS + 2
FAR = 1 << FRAME_BITS


def node_of(literal: int) -> int:
    return literal >> SHIFT


def literal_of(node: int) -> int:
    """The literal of a node that depends on frame 0."""
    return node << SHIFT | FRAMED


def frame_of(literal: int) -> int:
    """The frame that a literal depends on first; only of those that depend on any."""
    return (literal & FRAME) >> 2


def later(literal: int, frames: int) -> int:
    """The same of a frame that comes `frames` later."""
    return literal + (frames << 2) if literal & FRAMED else literal


def first_frame(literals) -> int:
    """The earliest frame that any of some literals depends on, 0 where none does."""
    return min(((literal & FRAME) >> 2 for literal in literals if literal & FRAMED), default=0)


@dataclass(frozen=True)
class Node:
    """kind, and what it is made of:

    input   (name,): a bit of a frame; free (name,): a bit that may be anything, of no frame
    and, xor   (a, b); mux (s, a, b): s ? b : a; table (literals, bits): bits >> number that the literals spell & 1
    sum     (number of the sum, index of the bit)
    """

    kind: str
    operands: tuple


@dataclass(frozen=True)
class Sum:
    """(sum of coefficient * literal, plus constant) mod 2**width: nodes `first` to first + width - 1. Literals are not
    complemented, coefficients and the constant lie in 0 to 2**width - 1."""

    width: int
    terms: tuple[tuple[int, int], ...]
    constant: int
    first: int


class Graph:
    """Nodes by number, and their makers; the makers simplify what is constant."""

    def __init__(self):
        self.nodes: list[Node] = [Node("constant", ())]
        self.sums: list[Sum] = []
        self._known: dict[tuple, int] = {}

    def input(self, name: object) -> int:
        """A bit of frame 0."""
        return self._make("input", (name,)) | FRAMED

    def free(self, name: object) -> int:
        return self._make("free", (name,))

    def opaque(self, name: object, literals: list[int]) -> int:
        """Some function of literals that nothing is known of."""
        base = first_frame(literals)
        made = self._make("opaque", (name, tuple(later(literal, -base) for literal in literals)))
        return later(made | FRAMED, base) if any(literal & FRAMED for literal in literals) else made

    def _make(self, kind: str, operands: tuple) -> int:
        key = (kind, operands)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = len(self.nodes) << SHIFT
            self.nodes.append(Node(kind, operands))
        return known

    def _framed(self, kind: str, literals: tuple[int, ...]) -> int:
        base, framed = FAR, 0
        for literal in literals:
            if literal & FRAMED:
                framed, base = FRAMED, min(base, (literal & FRAME) >> 2)
        if not framed:
            return self._make(kind, literals)
        if base:
            move = base << 2
            literals = tuple([literal - move if literal & FRAMED else literal for literal in literals])
            return self._make(kind, literals) + move | FRAMED
        return self._make(kind, literals) | FRAMED

    def _pair(self, kind: str, a: int, b: int) -> int:
        """_framed for two operands, quicker."""
        if a & b & FRAMED:
            base = min(a & FRAME, b & FRAME)
            key = kind, (a - base, b - base)
        else:
            base = (a | b) & FRAME
            key = kind, (a - base if a & FRAMED else a, b - base if b & FRAMED else b)
        known = self._known.get(key)
        if known is None:
            known = self._make(*key)
        return known + base | (a | b) & FRAMED

    def and_(self, a: int, b: int) -> int:
        if a > b:
            a, b = b, a
        if a < 2:
            return b if a else 0
        if a ^ b < 2:
            return a if a == b else 0
        return self._pair("and", a, b)

    def or_(self, a: int, b: int) -> int:
        return self.and_(a ^ 1, b ^ 1) ^ 1

    def xor(self, a: int, b: int) -> int:
        inverted = (a ^ b) & 1
        a, b = a & ~1, b & ~1
        if a == b:
            return inverted
        if a > b:
            a, b = b, a
        return (self._pair("xor", a, b) if a else b) ^ inverted

    def mux(self, select: int, a: int, b: int) -> int:
        """select ? b : a."""
        if select < 2:
            return b if select else a
        if a == b:
            return a
        if select & 1:
            select, a, b = select ^ 1, b, a
        if a ^ b == 1:
            return self.xor(select, a)
        if a < 2:
            return self.or_(select ^ 1, b) if a else self.and_(select, b)
        if b < 2:
            return self.or_(select, a) if b else self.and_(select ^ 1, a)
        return self._framed("mux", (select, a & ~1, b ^ (a & 1))) ^ (a & 1)

    def select(self, address: list[int], entries: list[int]) -> int:
        """entries[address]: 2**len(address) literals."""
        address, entries = list(address), list(entries)
        for index in reversed(range(len(address))):
            if address[index] < 2:
                stride = 1 << index
                entries = [entry for place, entry in enumerate(entries) if (place & stride != 0) == address[index]]
                del address[index]
        if not address:
            return entries[0]
        if all(entry == entries[0] for entry in entries):
            return entries[0]
        if len(address) > 1 and all(entry < 2 for entry in entries):
            return self.table(tuple(address), sum(entry << place for place, entry in enumerate(entries)))
        half = len(entries) // 2
        return self.mux(address[-1], self.select(address[:-1], entries[:half]), self.select(address[:-1], entries[half:]))

    def table(self, literals: tuple[int, ...], bits: int) -> int:
        base = first_frame(literals)
        moved = tuple(later(literal, -base) for literal in literals)
        made = self._make("table", (moved, bits))
        return later(made | FRAMED, base) if any(literal & FRAMED for literal in literals) else made

    def sum(self, width: int, terms: list[tuple[int, int]], constant: int) -> list[int]:
        """Literals, the least significant first, of (sum of coefficient * literal over `terms`, plus `constant`) mod 2**width.
        Where no carry leaves the lowest columns, they are a sum of their own: so that a bit that goes through is the same
        literal."""
        merged: dict[int, int] = {}
        for literal, coefficient in terms:
            if literal & 1:
                constant += coefficient
                coefficient = -coefficient
            if literal > 1:
                merged[literal & ~1] = merged.get(literal & ~1, 0) + coefficient
        found: list[int] = []
        while len(found) < width:
            left = width - len(found)
            mask = (1 << left) - 1
            merged = {literal: coefficient & mask for literal, coefficient in merged.items() if coefficient & mask}
            constant &= mask
            if not merged:
                return found + [constant >> bit & 1 for bit in range(left)]
            odd = [literal for literal, coefficient in merged.items() if coefficient & 1]
            if len(odd) < 2:
                if not odd:
                    found.append(constant & 1)
                    merged = {literal: coefficient >> 1 for literal, coefficient in merged.items()}
                else:
                    found.append(odd[0] ^ (constant & 1))
                    carried = constant & 1
                    merged = {literal: (coefficient >> 1) + (carried if coefficient & 1 else 0) for literal, coefficient in merged.items()}
                constant >>= 1
                continue
            size, parts = self._carry_free(merged, constant, left)
            low = (1 << size) - 1
            found += self._word(size, {literal: part & low for literal, part in parts.items() if part & low}, constant & low)
            merged = {literal: coefficient - parts[literal] >> size for literal, coefficient in merged.items()}
            constant >>= size
        return found

    @staticmethod
    def _carry_free(merged: dict[int, int], constant: int, width: int) -> tuple[int, dict[int, int]]:
        """How many of the lowest columns make a sum of their own that is neither negative nor overflows, and the part of each
        coefficient in it, which may be negative. All columns, where it is no fewer."""
        for size in range(2, width):
            low, half = (1 << size) - 1, 1 << size - 1
            parts = {literal: coefficient & low for literal, coefficient in merged.items()}
            if (constant & low) + sum(parts.values()) <= low:
                return size, parts
            parts = {literal: part - low - 1 if part > half else part for literal, part in parts.items()}
            least = (constant & low) + sum(part for part in parts.values() if part < 0)
            if least >= 0 and (constant & low) + sum(part for part in parts.values() if part > 0) <= low:
                return size, parts
        return width, dict(merged)

    def _word(self, width: int, terms: dict[int, int], constant: int) -> list[int]:
        base = first_frame(terms)
        framed = any(literal & FRAMED for literal in terms)
        ordered = tuple(sorted((later(literal, -base), coefficient) for literal, coefficient in terms.items()))
        key = ("word", width, ordered, constant)
        first = self._known.get(key)
        if first is None:
            first = self._known[key] = len(self.nodes)
            self.nodes += [Node("sum", (len(self.sums), bit)) for bit in range(width)]
            self.sums.append(Sum(width, ordered, constant, first))
        literals = [first + bit << SHIFT | (FRAMED if framed else 0) for bit in range(width)]
        return [later(literal, base) for literal in literals]
