"""Sums and differences of two inputs, one of them shifted, that many neurons of a layer need, computed once.

Weights are taken by their signed digits: 3x + 5y and 2x - 3y have x + y and x - 2y in common with others though no weight is equal.
The gain of a shared word is counted in the digits that it saves the bit heaps (heap.py): words of n and m bits are n + m digits in every
heap that takes both, their sum is hardly more than the longer of them, and a digit costs about 0.6 LUT to compress. So sharing pays for
wide words and dense rows, and leaves sparse layers of narrow inputs alone. Pairs are taken greedily, the greatest gain first; shared
words may be made of shared words, `LEVELS` deep.
"""

from __future__ import annotations

import numpy as np

from finn_steps.rtl.heap import signed_digits
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.sharing import combine
from finn_steps.rtl.word import Word

LUTS_PER_DIGIT = 0.6
LEVELS = 3
ROOM = 256
"""Columns for shared words, beside three for each input: what narrow, dense layers fill."""
LEAST_GAIN = 0.1
"""Of what a layer's digits cost. Below it, equal weights alone are shared (sharing.py): layers stay easier to prove."""


def share_digits(net: Netlist, weights: np.ndarray, words: list[Word]) -> tuple[np.ndarray, list[Word]] | None:
    """(weights', words') with the same product, where columns have been added for words that several rows share; None where that saves less
    than LEAST_GAIN of the layer."""
    pairs = _Pairs(weights, [word.high - word.low for word in words], [len(word.terms) for word in words])
    lows, highs = (np.array([getattr(word, end) for word in words], dtype=np.int64) for end in ("low", "high"))
    of_inputs, made, gained, all_digits = [*np.eye(len(words), dtype=np.int64)], [], 0.0, pairs.all_digits()
    while (best := pairs.best()) is not None:
        first, second, shift, sign, gain = best
        of_inputs.append(of_inputs[first] + (of_inputs[second] << shift) * sign)
        low, high = np.sort([of_inputs[-1] * lows, of_inputs[-1] * highs], axis=0).sum(axis=1).tolist()
        made.append((first, second, sign * (1 << shift), low, high))
        pairs.merge(first, second, shift, sign, (high - low).bit_length())
        gained += gain
    if gained < LEAST_GAIN * LUTS_PER_DIGIT * all_digits:
        return None
    words = list(words)
    for first, second, scale, low, high in made:
        words.append(combine(net, words[first], words[second], scale, low, high))
    return pairs.weights(), words


class _Pairs:
    """The most valuable pair of every column, kept up to date.

    digits   int8 [rows, room for columns, places]: the signed digits of the weights; `count` columns are used
    spans    what a column's word ranges over, less its least value; bits: the terms of it; levels: of shared words in it
    gain     of a column's best pair, as the lower word of it, in LUTs
    partner  [room, 3]: the other column, its shift (0 up), the sign
    """

    def __init__(self, weights: np.ndarray, spans: list[int], bits: list[int]):
        rows, self.count = weights.shape
        room = 4 * self.count + ROOM
        self.digits = np.zeros((rows, room, int(np.abs(weights).max(initial=0)).bit_length() + 2), dtype=np.float32)
        for row, column in np.argwhere(weights):
            for place, negative in signed_digits(abs(int(weights[row, column]))):
                self.digits[row, column, place] = (-1 if negative else 1) * (1 if weights[row, column] > 0 else -1)
        self.spans, self.bits, self.levels = np.zeros(room), np.zeros(room, np.int64), np.zeros(room, np.int64)
        self.spans[:self.count], self.bits[:self.count] = spans, bits
        self.gain, self.partner = np.full(room, -1.0), np.zeros((room, 3), np.int64)
        for column in range(self.count):
            self._refresh(column)

    def weights(self) -> np.ndarray:
        """int64 [rows, columns]: what is left of each."""
        return self.digits[:, :self.count].astype(np.int64) @ (1 << np.arange(self.digits.shape[2]))

    def all_digits(self) -> float:
        """Digits of the weights times the bits of their words."""
        return float(np.abs(self.digits).sum(axis=(0, 2)) @ self.bits)

    def best(self) -> tuple[int, int, int, int, float] | None:
        """(first, second, shift, sign, gain) of the most valuable word first + sign * (second << shift); None where none is worth it."""
        first = int(np.argmax(self.gain[:self.count])) if self.count else 0
        if self.count in (0, self.digits.shape[1]) or self.gain[first] <= 0:
            return None
        return first, *self.partner[first].tolist(), float(self.gain[first])

    def merge(self, first: int, second: int, shift: int, sign: int, bits: int) -> None:
        """Move the digits that the pair has in common into a new column, of a word of `bits` bits."""
        places, new = self.digits.shape[2], self.count
        low, high = self.digits[:, first, :places - shift], self.digits[:, second, shift:]
        shared = (low != 0) & (high == sign * low)
        self.digits[:, new, :places - shift][shared] = low[shared]
        low[shared] = 0
        high[shared] = 0
        self.count += 1
        self.spans[new], self.bits[new] = self.spans[first] + self.spans[second] * 2.0**shift, bits
        self.levels[new] = 1 + max(self.levels[first], self.levels[second])
        stale = np.isin(self.partner[:self.count, 0], (first, second)) & (self.gain[:self.count] > 0)
        stale[[first, second, new]] = True
        for column in np.flatnonzero(stale):
            self._refresh(int(column))
        self._offer(new)

    def _refresh(self, column: int) -> None:
        """Find the best pair in which `column` is the lower word."""
        gains = self._gains(column, lower=True)
        place = int(np.argmax(gains))
        sign, shift, partner = np.unravel_index(place, gains.shape)
        self.gain[column], self.partner[column] = gains.ravel()[place], (partner, shift, 1 - 2 * sign)

    def _offer(self, column: int) -> None:
        """Make `column` the higher word of others' pairs, where that is better than what they have."""
        gains = self._gains(column, lower=False)
        gains = gains.reshape(-1, self.count)
        places = np.argmax(gains, axis=0)
        found = gains[places, np.arange(self.count)]
        better = np.flatnonzero(found > self.gain[:self.count])
        sign, shift = np.unravel_index(places[better], (2, self.digits.shape[2]))
        self.gain[better] = found[better]
        self.partner[better] = np.stack([np.full(len(better), column), shift, 1 - 2 * sign], axis=1)

    def _gains(self, column: int, lower: bool) -> np.ndarray:
        """float [2 signs, shifts, columns]: the LUTs that sharing `column`, the lower or the higher word, with each other one saves."""
        places, used = self.digits.shape[2], self.digits[:, :self.count]
        own = self.digits[:, column]
        signed = np.einsum("ra,rcb->abc", own, used, optimize=True)
        both = np.einsum("ra,rcb->abc", np.abs(own), np.abs(used), optimize=True)
        steps = range(places) if lower else range(0, -places, -1)
        signed, both = (np.stack([np.trace(table, offset=step) for step in steps]) for table in (signed, both))
        uses = np.stack([(both + signed) / 2, (both - signed) / 2])
        shifts = np.arange(places)[:, None]
        low, high = (self.spans[column], self.spans[:self.count]) if lower else (self.spans[:self.count], self.spans[column])
        bits = np.frexp(low + high * 2.0**shifts)[1]
        saved = np.maximum(self.bits[:self.count] + self.bits[column] - bits, 0) * LUTS_PER_DIGIT
        gains = uses * saved - np.maximum(bits - shifts, 0)
        gains[:, :, np.maximum(self.levels[:self.count], self.levels[column]) >= LEVELS] = -1.0
        gains[:, :, column] = -1.0
        return gains
