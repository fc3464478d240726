"""Sums and differences of two inputs that many neurons of a layer need, computed once.

The gain of a shared word is counted in the digits that it saves the bit heaps (heap.py): a pair of words of n bits is 2n
digits in every heap that takes both, their sum n + 1, and a digit costs about 0.6 LUT to compress. So sharing pays for wide words
and dense rows, and leaves sparse layers of narrow inputs alone. Pairs are taken greedily, the greatest gain first; shared words
may be made of shared words, `LEVELS` deep.
"""

from __future__ import annotations

import numpy as np

from finn_steps.rtl.heap import compress
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.word import Word

LUTS_PER_DIGIT = 0.6
LEVELS = 3


def share(net: Netlist, weights: np.ndarray, words: list[Word]) -> tuple[np.ndarray, list[Word]]:
    """(weights', words') with the same product, where columns have been added for words that several rows share."""
    pairs = _Pairs(weights, [len(word.terms) for word in words])
    words = list(words)
    while True:
        sign, first, second, gain = pairs.best()
        if gain <= 0:
            return pairs.weights[:, :len(words)].copy(), words
        words.append(combine(net, words[first], words[second], sign, *range_of(words[first], words[second], sign)))
        pairs.merge(sign, first, second, len(words[-1].terms))


class _Pairs:
    """The gain of every pair of columns, kept up to date; `weights`, int [rows, room for columns], of which `count` are used."""

    def __init__(self, weights: np.ndarray, bits: list[int]):
        self.count = len(bits)
        room = 4 * self.count + 8
        self.weights = np.zeros((weights.shape[0], room), dtype=np.int64)
        self.weights[:, :self.count] = weights
        self.bits, self.levels = np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.int64)
        self.bits[:self.count] = bits
        self.gain = {sign: np.full(room, -1.0) for sign in (1, -1)}
        self.partner = {sign: np.zeros(room, dtype=np.int64) for sign in (1, -1)}
        for sign in self.gain:
            uses = _uses(self.weights[:, :self.count], self.weights[:, :self.count], sign)
            for column in range(self.count):
                self._keep_best(sign, column, self._gains(uses[column], column))

    def best(self) -> tuple[int, int, int, float]:
        """(sign, first, second, gain in LUTs) of the most valuable pair."""
        sign = max((1, -1), key=lambda sign: self.gain[sign].max())
        first = int(np.argmax(self.gain[sign]))
        full = self.count == self.weights.shape[1]
        return sign, first, int(self.partner[sign][first]), 0.0 if full else float(self.gain[sign][first])

    def merge(self, sign: int, first: int, second: int, bits: int) -> None:
        """Move the weights that the pair has in common into a new column, of a word of `bits` bits."""
        shared = (self.weights[:, first] == sign * self.weights[:, second]) & (self.weights[:, first] != 0)
        new = self.count
        self.count += 1
        self.weights[shared, new] = self.weights[shared, first]
        self.weights[shared, first] = self.weights[shared, second] = 0
        self.bits[new], self.levels[new] = bits, 1 + max(self.levels[first], self.levels[second])
        for direction in self.gain:
            stale = {first, second, new}
            stale |= {int(column) for column in np.flatnonzero(np.isin(self.partner[direction], (first, second)))
                      if self.gain[direction][column] > 0}
            columns = sorted(stale)
            uses = _uses(self.weights[:, columns], self.weights[:, :self.count], direction)
            for row, column in enumerate(columns):
                gains = self._gains(uses[row], column)
                self._keep_best(direction, column, gains)
                if column == new:
                    better = np.flatnonzero(gains > self.gain[direction][:self.count])
                    self.gain[direction][better], self.partner[direction][better] = gains[better], new

    def _gains(self, uses: np.ndarray, column: int) -> np.ndarray:
        """The LUTs that sharing `column` with each other column saves, of rows that use both."""
        bits, levels = self.bits[:self.count], self.levels[:self.count]
        saved = np.maximum(np.minimum(bits, bits[column]) - 1, 0) * LUTS_PER_DIGIT
        gains = np.where(np.maximum(levels, levels[column]) < LEVELS, uses * saved, 0) - np.maximum(bits, bits[column])
        gains[column] = -1.0
        return gains

    def _keep_best(self, sign: int, column: int, gains: np.ndarray) -> None:
        self.partner[sign][column] = np.argmax(gains)
        self.gain[sign][column] = gains[self.partner[sign][column]]


def _uses(left: np.ndarray, right: np.ndarray, sign: int) -> np.ndarray:
    """int [columns of left, columns of right]: the rows where a left weight is `sign` times the right one, and not zero."""
    counts = np.zeros((left.shape[1], right.shape[1]), dtype=np.float32)
    for value in np.unique(left[left != 0]):
        counts += (left == value).astype(np.float32).T @ (right == sign * value).astype(np.float32)
    return counts


def combine(net: Netlist, first: Word, second: Word, scale: int, low: int, high: int) -> Word:
    """The word first + scale * second, which lies in low..high."""
    terms: dict[int, int] = {}
    constant = first.constant + scale * second.constant
    for word, factor in ((first, 1), (second, scale)):
        for literal, weight in word.terms:
            if literal > 1:
                terms[literal & ~1] = terms.get(literal & ~1, 0) + (-factor * weight if literal & 1 else factor * weight)
            constant += factor * weight * (literal & 1)
    terms = {literal: weight for literal, weight in terms.items() if weight}
    bits = compress(net, terms, constant - low, (high - low).bit_length())
    return Word(tuple((bit, 1 << i) for i, bit in enumerate(bits)), low, low, high)


def range_of(first: Word, second: Word, sign: int) -> tuple[int, int]:
    """Of first + sign * second, if they have nothing in common."""
    return first.low + (second.low if sign > 0 else -second.high), first.high + (second.high if sign > 0 else -second.low)
