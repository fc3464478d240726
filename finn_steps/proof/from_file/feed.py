"""What a channel of the file carries, in terms of an integer of the Accelerator."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from finn_steps.proof.from_file.exact import Interval
from finn_steps.proof.limits import NotUnderstood


@dataclass(frozen=True)
class Feed:
    """What a channel of the file carries: factor * q + offset, q in low..high the integer of `row` of the layer before (None where
    the channel is always `offset`). partner: (another row, ratio) where the integer is that of `row` + ratio * that of the other, which
    no other channel is: neurons that wrap. `lost`: (layer, reason) where that is not known; then q is some number in low..high, and the row
    is one of none but this channel, below 0."""

    row: int | None
    factor: Fraction = Fraction(0)
    offset: Fraction = Fraction(0)
    low: int | Fraction = 0
    high: int | Fraction = 0
    lost: tuple[str, str] | None = None
    partner: tuple[int, int] | None = None

    @property
    def size(self) -> Fraction:
        return max(abs(self.factor * end + self.offset) for end in (self.low, self.high))

    @property
    def in_float32(self) -> bool:
        """Whether float32 holds all of its values exactly."""
        return not self.lost and fits([self.factor, self.offset], self.size)


def fits(parts: list[Fraction], size: Fraction) -> bool:
    """Whether float32 holds all numbers up to a size that are sums of multiples of some parts."""
    parts = [part for part in parts if part]
    if any(part.denominator & part.denominator - 1 for part in parts):
        return False
    grain = min((Fraction(part.numerator & -part.numerator, part.denominator) for part in parts), default=Fraction(1))
    return size / grain <= 1 << 24


def point(interval: Interval) -> Fraction:
    if interval[0] != interval[1]:
        raise NotUnderstood("a value is no rational number")
    return interval[0]
