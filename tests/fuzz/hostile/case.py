"""One hostile input: a file (or two) in a folder of its own, and what was done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NASTY_NUMBERS = (0, -1, 1, 2, 3, 7, 255, 65536, 2**31 - 1, 2**31, -(2**31), 2**40, 2**63 - 1, -(2**63), 0.5, -0.0, 1e-45, 1e38, 1e308,
                 float("nan"), float("inf"), float("-inf"))
NASTY_TEXTS = ("", " ", "\n", "a\nb", "\x1b[2J", "\x00", "../../etc/passwd", "/etc/passwd", "$(true)", "`true`", "; true", "%s%n", "{0}", "é" * 3,
               "x" * 5000, "NaN", "1e999", "None", "__class__", "'; import os #", "\u202e", "nul", "-o", "--help")


@dataclass(frozen=True)
class Case:
    """kind: one of KINDS; path: what is read; told: what was done, for whoever looks for the cause."""

    kind: str
    path: Path
    told: str


class Dice:
    """A generator with the choices that mutations make."""

    def __init__(self, *seed: int):
        self.rng = np.random.default_rng(seed)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def below(self, count: int) -> int:
        return int(self.rng.integers(0, max(1, count)))

    def pick(self, options):
        options = list(options)
        return options[self.below(len(options))]

    def number(self):
        return self.pick(NASTY_NUMBERS)

    def whole(self) -> int:
        return int(self.pick([n for n in NASTY_NUMBERS if isinstance(n, int)]))

    def text(self) -> str:
        return self.pick(NASTY_TEXTS)

    def rounds(self) -> int:
        return self.pick((1, 1, 1, 2, 3))


def damaged(dice: Dice, data: bytes) -> tuple[bytes, str]:
    """Bytes cut short, changed, repeated, or with others behind them."""
    how = dice.pick(("cut", "flip", "flip", "flip", "repeat", "behind", "insert", "zeros"))
    at = dice.below(len(data))
    if how == "cut":
        data = data[:at]
    elif how == "flip":
        changed = bytearray(data)
        for _ in range(dice.pick((1, 1, 2, 5, 20)) if data else 0):
            changed[dice.below(len(changed))] = dice.below(256)
        data = bytes(changed)
    elif how == "repeat":
        data = data[:at] + data[at:] * 2
    elif how == "behind":
        data += bytes(dice.rng.integers(0, 256, dice.pick((1, 10, 1000)), dtype=np.uint8))
    elif how == "insert":
        data = data[:at] + bytes(dice.rng.integers(0, 256, dice.pick((1, 4, 50)), dtype=np.uint8)) + data[at:]
    else:
        data = data[:at] + bytes(min(64, len(data) - at)) + data[at + 64 :]
    return data, f"bytes: {how}"


def mutated(dice: Dice, start, changes: dict[str, Callable]):
    """(what becomes of `start` after some of the changes, their names). A change takes the dice and the thing, and alters it or gives another."""
    names = []
    for _ in range(dice.rounds()):
        name = dice.pick(changes)
        made = changes[name](dice, start)
        start = start if made is None else made
        names.append(name)
    return start, ", ".join(names)
