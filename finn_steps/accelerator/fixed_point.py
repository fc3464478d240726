"""Words of fixed point, as ap_fixed<W, I> has them: W bits in two's complement, I of them in front of the point, the sign among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST_BITS, MOST_BITS = 2, 24
"""float32, which is what a model takes, holds every word of so many bits exactly."""
LEAST_INTEGER_BITS = -32
FORM = "give W,I, such as 16,6 (-32 to 32 in steps of 1/1024), one such pair for each feature with spaces between, or W,auto with --data"


@dataclass(frozen=True)
class FixedPoint:
    """A word w means w / 2**(bits - integer_bits)."""

    bits: int
    integer_bits: int

    def __post_init__(self):
        for value in (self.bits, self.integer_bits):
            if type(value) is not int:
                raise ValueError(f"fixed point {self}: W and I must be whole numbers")

    def __str__(self) -> str:
        return f"{self.bits},{self.integer_bits}"

    @property
    def fraction_bits(self) -> int:
        return self.bits - self.integer_bits

    @property
    def scale(self) -> float:
        """What the lowest bit means."""
        return 2.0**-self.fraction_bits

    @property
    def low(self) -> int:
        return -(1 << self.bits - 1)

    @property
    def high(self) -> int:
        return (1 << self.bits - 1) - 1


@dataclass(frozen=True)
class FixedInput:
    """The words of a model's inputs: one kind for all features, or one for each of them. Floats become words as ap_fixed with AP_RND_CONV
    and AP_SAT makes them: the nearest, of two the even one, within the range."""

    words: tuple[FixedPoint, ...]

    def __post_init__(self):
        for word in self.words:
            if not LEAST_BITS <= word.bits <= MOST_BITS:
                raise ValueError(f"--input-fixed {word}: W must be {LEAST_BITS} to {MOST_BITS}")
            if not LEAST_INTEGER_BITS <= word.integer_bits <= word.bits:
                raise ValueError(f"--input-fixed {word}: I counts among the W bits: at most {word.bits}, at least {LEAST_INTEGER_BITS}")
        if not self.words:
            raise ValueError(f"--input-fixed: {FORM}")

    def __str__(self) -> str:
        return " ".join(map(str, self.words))

    @classmethod
    def parse(cls, text: str) -> FixedInput:
        """W,I, or as many as there are features with spaces between. ValueError, with an example, for another form."""
        pairs = [pair.split(",") for pair in text.split()]
        try:
            words = tuple(FixedPoint(int(bits), int(integer_bits)) for bits, integer_bits in pairs)
        except ValueError:
            raise ValueError(f"--input-fixed {text}: {FORM}") from None
        return cls(words)

    @classmethod
    def from_data(cls, x: np.ndarray, bits: int) -> FixedInput:
        """Of so many bits, with the finest step for each feature of x (float [N, features]) at which none of its values is clipped."""
        words = []
        for column in np.asarray(x, np.float64).T:
            if not np.all(np.isfinite(column)):
                raise ValueError(f"--input-fixed {bits},auto: feature {len(words)} has values that are no numbers; give {bits},I")
            integer_bits = LEAST_INTEGER_BITS
            while not _holds(FixedPoint(bits, integer_bits), column):
                integer_bits += 1
                if integer_bits > bits:
                    raise ValueError(f"--input-fixed {bits},auto: feature {len(words)} reaches {np.abs(column).max():g}, beyond {bits} bits of "
                                     "whole numbers; take more bits")
            words.append(FixedPoint(bits, integer_bits))
        return cls(tuple(words))

    def of(self, features: int) -> tuple[FixedPoint, ...]:
        """The word of each feature. ValueError where another number of them is given."""
        if len(self.words) not in (1, features):
            raise ValueError(f"--input-fixed names {len(self.words)} words, the model takes {features} features")
        return self.words * (features if len(self.words) == 1 else 1)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """float [N, features] -> int64 [N, features], the words."""
        words = self.of(x.shape[1])
        whole = np.rint(np.asarray(x, np.float64) / [word.scale for word in words])
        return np.clip(whole, [word.low for word in words], [word.high for word in words]).astype(np.int64)

    def decode(self, words: np.ndarray) -> np.ndarray:
        """int64 [N, features] -> float32 [N, features], exactly what the words mean."""
        return (words * [word.scale for word in self.of(words.shape[1])]).astype(np.float32)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """float [N, features] -> float32, the values that the wires carry."""
        return self.decode(self.encode(x))


def fixed_as_json(into: FixedInput | None, out: FixedPoint | None) -> dict:
    """`input_fixed` and `output_fixed`, pairs of [W, I], where there are such words."""
    found = {} if into is None else {"input_fixed": [[word.bits, word.integer_bits] for word in into.words]}
    return found if out is None else {**found, "output_fixed": [out.bits, out.integer_bits]}


def fixed_from_json(entry: dict) -> dict:
    """Of what fixed_as_json wrote, the fields of an Accelerator."""
    into, out = entry.get("input_fixed"), entry.get("output_fixed")
    return {"input_fixed": None if into is None else FixedInput(tuple(FixedPoint(*pair) for pair in into)),
            "output_fixed": None if out is None else FixedPoint(*out)}


def _holds(word: FixedPoint, values: np.ndarray) -> bool:
    whole = np.rint(values / word.scale)
    return bool(whole.min() >= word.low and whole.max() <= word.high)
