"""An integer as a weighted sum of bits: how values travel between the layers of a core."""

from __future__ import annotations

from dataclasses import dataclass

from finn_steps.accelerator import own_bits


@dataclass(frozen=True)
class Word:
    """constant + the sum of weight * literal over `terms`; the value lies in low..high."""

    terms: tuple[tuple[int, int], ...]
    constant: int
    low: int
    high: int

    @classmethod
    def binary(cls, literals: list[int], signed: bool) -> Word:
        """A two's complement or unsigned number, least significant literal first."""
        weights = [1 << position for position in range(len(literals))]
        if signed:
            weights[-1] = -weights[-1]
        low = weights[-1] if signed else 0
        return cls(tuple(zip(literals, weights)), 0, low, low + (1 << len(literals)) - 1)

    @classmethod
    def within(cls, literals: list[int], low: int, high: int) -> Word:
        """A number in low..high: of the literals of its datatype only those that it needs."""
        if low == high:
            return cls((), low, low, high)
        word = cls.binary(literals[:own_bits(low, high)], low < 0)
        return cls(word.terms, 0, low, high)
