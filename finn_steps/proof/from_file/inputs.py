"""What the host sends, in terms of the file: the integers of the last quantiser in front of the first layer, or of an input that is
integers or words."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator
from finn_steps.proof.from_file.exact import Step, run
from finn_steps.proof.from_file.feed import Feed, point
from finn_steps.proof.from_file.reading import FileChain, FileLayer
from finn_steps.proof.limits import NotUnderstood

GREATEST = Fraction(float(np.finfo(np.float32).max))


def input_feeds(chain: FileChain, accelerator: Accelerator) -> list[Feed]:
    """What the host sends: the integers of the last quantiser in front of the first layer, or of an input that is integers."""
    first = accelerator.layers[0]
    quantised = max((place + 1 for place, step in enumerate(chain.head) if step.levels), default=0)
    if not quantised and not chain.integers:
        raise NotUnderstood("the file does not say to which integers its input is quantised")
    while 0 < quantised < len(chain.head) and not chain.head[quantised].affine:  # a Clip of the integers
        quantised += 1
    bipolar = [Step("input", lambda x, c: (2 * x[0] - 1, 2 * x[1] - 1))] if chain.integers == "BIPOLAR" and not quantised else []
    after = [*bipolar, *chain.head[quantised:]]
    place = {int(feature): k for k, feature in enumerate(accelerator.input_index)}
    feeds = []
    for feature in range(len(chain.layers[0].weights[0])):
        low, high = _file_range(chain, quantised, feature)
        if feature in place:
            k = place[feature]
            feeds.append(_sent(after, k, feature, (low, high), (int(first.input_low[k]), int(first.input_high[k]))))
        elif low == high:
            feeds.append(Feed(None, offset=point(run(after, (Fraction(low),) * 2, feature))))
        else:
            lost = first.name, f"input {feature} is read by the file and not sent"
            feeds.append(replace(_affine_feed(after, -1 - feature, feature, low, high, 0), lost=lost))
    return feeds


def words_layer(chain: FileChain) -> FileLayer:
    """The input end as a layer of its own: each feature as it comes, in floats that hold it exactly, and the steps in front of the first
    layer."""
    if chain.integers:
        raise NotUnderstood(f"the input is whole numbers already ({chain.integers}), no words of fixed point")
    eye = np.array([[Fraction(int(row == column)) for column in range(chain.features)] for row in range(chain.features)], dtype=object)
    return FileLayer("the input", eye, np.array([Fraction(0)] * chain.features, dtype=object), False, chain.head)


def word_feeds(accelerator: Accelerator, features: int) -> list[Feed]:
    """What the wires carry: of a word of W bits, I in front of the point, its value is word / 2**(W - I)."""
    first, words = accelerator.layers[0], accelerator.input_fixed.words
    place = {int(feature): k for k, feature in enumerate(accelerator.input_index)}
    feeds = []
    for feature, word in enumerate(words * features if len(words) == 1 else words):
        low, high, unit = -(1 << word.bits - 1), (1 << word.bits - 1) - 1, Fraction(2) ** (word.integer_bits - word.bits)
        k = place.get(feature)
        if k is None:
            lost = first.name, f"input {feature} is read by the file and not sent"
            feeds.append(Feed(-1 - feature, unit, Fraction(0), low, high, lost))
            continue
        if (int(first.input_low[k]), int(first.input_high[k])) != (low, high):
            raise NotUnderstood(f"input {feature} is a word of {low}..{high}, {first.name} takes {first.input_low[k]}..{first.input_high[k]}")
        feeds.append(Feed(k, unit, Fraction(0), low, high))
    return feeds


def _file_range(chain: FileChain, quantised: int, feature: int) -> tuple[int, int]:
    """The integers of the file that an input can be."""
    if quantised:
        low, high = run(chain.head[:quantised], (-GREATEST, GREATEST), feature)
        return int(min(low, high)), int(max(low, high))
    if chain.integers == "BIPOLAR":
        return 0, 1
    try:
        return int(DataType[chain.integers].min()), int(DataType[chain.integers].max())
    except KeyError:
        raise NotUnderstood(f"the input is of type {chain.integers}") from None


def _sent(steps: list[Step], k: int, feature: int, told: tuple[int, int], sent: tuple[int, int]) -> Feed:
    """An input of the Accelerator, which takes the file's integers, all of them, or as many of its own."""
    low, high = told
    if sent[0] <= low and high <= sent[1]:
        return _affine_feed(steps, k, feature, low, high, 0)
    if high - low == sent[1] - sent[0]:
        return _affine_feed(steps, k, feature, *sent, low - sent[0])
    raise NotUnderstood(f"input {feature} is quantised to {low}..{high}, the accelerator takes {sent[0]}..{sent[1]}")


def _affine_feed(steps: list[Step], row: int, channel: int, low: int, high: int, shift: int) -> Feed:
    """q in low..high as what the steps make of q + shift: all of them are tried."""
    values = [point(run(steps, (Fraction(q + shift),) * 2, channel)) for q in range(low, high + 1)]
    factor = values[1] - values[0] if high > low else Fraction(0)
    if any(after - before != factor for before, after in zip(values, values[1:])):
        raise NotUnderstood(f"the values of input {channel} have no even steps")
    return Feed(row, factor, values[0] - factor * low, low, high)
