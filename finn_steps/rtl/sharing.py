"""Sums and differences of two inputs that many neurons of a layer need, computed once.

The gain of a shared word is counted in the digits that it saves the bit heaps (heap.py): a pair of words of n bits is 2n
digits in every heap that takes both, their sum n + 1, and a digit costs about 0.6 LUT to compress. So sharing pays for wide words and
dense rows, and leaves sparse layers of narrow inputs alone. Pairs are taken greedily, the greatest gain first; shared words may be
made of shared words, `LEVELS` deep.
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
    weights, words = weights.copy(), list(words)
    bits, levels = np.array([len(word.terms) for word in words]), np.zeros(len(words), dtype=int)
    uses = {sign: _uses(weights, weights, sign) for sign in (1, -1)}
    while True:
        sign, first, second, gain = _best(uses, bits, levels)
        if gain <= 0:
            return weights, words
        shared = (weights[:, first] == sign * weights[:, second]) & (weights[:, first] != 0)
        column = np.where(shared, weights[:, first], 0)
        weights[shared, first] = 0
        weights[shared, second] = 0
        weights = np.column_stack([weights, column])
        words.append(combine(net, words[first], words[second], sign))
        bits = np.append(bits, len(words[-1].terms))
        levels = np.append(levels, 1 + max(levels[first], levels[second]))
        for direction in uses:
            uses[direction] = np.pad(uses[direction], (0, 1))
            for changed in (first, second, len(words) - 1):
                counts = _uses(weights[:, [changed]], weights, direction)[0]
                counts[changed] = 0
                uses[direction][changed], uses[direction][:, changed] = counts, counts


def _uses(left: np.ndarray, right: np.ndarray, sign: int) -> np.ndarray:
    """int [columns of left, columns of right]: the rows where a left weight is `sign` times the right one, and not zero."""
    counts = np.zeros((left.shape[1], right.shape[1]), dtype=np.float32)
    for value in np.unique(left[left != 0]):
        counts += (left == value).astype(np.float32).T @ (right == sign * value).astype(np.float32)
    if left is right:
        np.fill_diagonal(counts, 0)
    return counts


def _best(uses: dict[int, np.ndarray], bits: np.ndarray, levels: np.ndarray) -> tuple[int, int, int, float]:
    """(sign, first, second, gain in LUTs) of the most valuable pair."""
    wide, narrow = np.maximum(bits[:, None], bits), np.minimum(bits[:, None], bits)
    saved = np.maximum(narrow - 1, 0) * LUTS_PER_DIGIT * (np.maximum(levels[:, None], levels) < LEVELS)
    best = (1, 0, 0, 0.0)
    for sign, counts in uses.items():
        gains = counts * saved - wide
        index = int(np.argmax(gains)) if gains.size else 0
        if gains.size and gains.flat[index] > best[3]:
            best = (sign, index // len(bits), index % len(bits), float(gains.flat[index]))
    return best


def combine(net: Netlist, first: Word, second: Word, sign: int) -> Word:
    """The word first + sign * second."""
    terms: dict[int, int] = {}
    constant = first.constant + sign * second.constant
    for word, scale in ((first, 1), (second, sign)):
        for literal, weight in word.terms:
            if literal > 1:
                terms[literal & ~1] = terms.get(literal & ~1, 0) + (-scale * weight if literal & 1 else scale * weight)
            constant += scale * weight * (literal & 1)
    low = first.low + (second.low if sign > 0 else -second.high)
    high = first.high + (second.high if sign > 0 else -second.low)
    bits = compress(net, {literal: weight for literal, weight in terms.items() if weight}, constant - low, (high - low).bit_length())
    return Word(tuple((bit, 1 << i) for i, bit in enumerate(bits)), low, low, high)
