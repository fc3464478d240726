"""The accelerator that takes fixed-point words: the host's work in front of the first layer becomes a layer in front of it.

Its weights are 1 for the feature that a row reads (-1 where the model's input end falls with it), and a row's thresholds are the least words
that reach each integer of the model's quantiser. They are found by evaluation: the operations of the input end, which are the model's own,
go through every word of every feature. Whatever the standardisation, the rounding and its ties are, the layer has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.accelerator.host import HostOp, run_host_ops

LAYER = "fixed_input"
MOST_WORDS, CHUNK = 1 << 29, 1 << 22
"""Words of all features that are evaluated, and of those at once."""


def with_fixed_input(accelerator: Accelerator, fixed: FixedInput) -> Accelerator:
    """The accelerator behind a layer that takes words; for each input of floats that are exactly words both compute the same.
    ValueError where the input end is no function that rises or falls with each feature."""
    words = fixed.of(accelerator.features)
    source, falling, below = _evaluated(accelerator, fixed)
    ends = np.array([[word.low, word.high] for word in words])
    least = np.where(falling, -ends[source, 1], ends[source, 0])
    weights = np.zeros((accelerator.MW, accelerator.features), np.int64)
    weights[np.arange(accelerator.MW), source] = np.where(falling, -1, 1)
    layer = SparseLayer(LAYER, weights, np.zeros(accelerator.MW), least[:, None] + below, f"INT{max(word.bits for word in words)}",
                        accelerator.idt, input_range=ends.T)
    scales = [1 / word.scale for word in fixed.words]
    operations = (HostOp("mul", scales[0] if len(scales) == 1 else scales), HostOp("round"), *clips(ends))
    return replace(accelerator, layers=(layer, *accelerator.layers), input_index=np.arange(accelerator.features), host_input=operations,
                   input_fixed=fixed)


def clips(ends: np.ndarray) -> tuple[HostOp, ...]:
    """To int64 [features, 2]."""
    if np.all(ends == ends[0]):
        return (HostOp("clip", ends[0]),)
    return HostOp("max", ends[:, 0]), HostOp("min", ends[:, 1])


def sources(accelerator: Accelerator) -> np.ndarray:
    """int64 [MW]: the feature that each input of the first layer is made of."""
    source = np.arange(accelerator.features)
    for op in accelerator.host_input:
        source = source[op.value.astype(int)] if op.op == "take" else source
    return source[accelerator.input_index]


def _evaluated(accelerator: Accelerator, fixed: FixedInput) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(source, falling, below) for each input of the first layer: its feature, whether it falls with that, and int64 [MW, steps]: how
    many words are below each step."""
    source, datatype = sources(accelerator), DataType[accelerator.idt]
    low, levels = int(datatype.min()), int(datatype.max()) - int(datatype.min()) + 1
    found = np.zeros((accelerator.MW, levels), np.int64)
    rises, falls = (np.zeros(accelerator.MW, bool) for _ in range(2))
    last = None
    for first, x, real in _all_words(fixed, accelerator.features):
        q = _integers(accelerator, fixed, x)
        joined = q if last is None else np.concatenate([last, q])
        rises |= np.any(np.diff(joined, axis=0) > 0, axis=0)
        falls |= np.any(np.diff(joined, axis=0) < 0, axis=0)
        last = q[-1:]
        for column, feature in enumerate(source):
            found[column] += np.bincount(q[: real[feature], column] - low, minlength=levels)
    if np.any(rises & falls):
        feature = int(source[np.argmax(rises & falls)])
        raise ValueError(f"--input-fixed {fixed}: what the model makes of feature {feature} rises and falls with it; supported: monotone operators")
    return source, falls, np.cumsum(found, axis=1)[:, :-1]


def _all_words(fixed: FixedInput, features: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(how many came before, words int64 [N, features] in ascending order, for each feature how many of these rows it has): features of
    fewer words stay at their last."""
    words = fixed.of(features)
    counts, most = np.array([1 << word.bits for word in words]), 1 << max(word.bits for word in words)
    if most * features > MOST_WORDS:
        raise ValueError(f"--input-fixed {fixed}: {most:,} words of {features} features are {most * features:,} to evaluate; supported: up to "
                         f"{MOST_WORDS:,}; take fewer bits")
    rows, low = max(1, CHUNK // features), np.array([word.low for word in words])
    for first in range(0, most, rows):
        place = np.arange(first, min(most, first + rows))[:, None]
        yield first, low + np.minimum(place, counts - 1), np.clip(counts - first, 0, len(place))


def _integers(accelerator: Accelerator, fixed: FixedInput, words: np.ndarray) -> np.ndarray:
    """int64 [N, features] -> int64 [N, MW]. ValueError for a word of which the model makes no number."""
    with np.errstate(all="ignore"):
        made = run_host_ops(accelerator.host_input, fixed.decode(words))[:, accelerator.input_index]
    wrong = np.argwhere(~np.isfinite(made))
    if len(wrong):
        row, column = wrong[0]
        feature = sources(accelerator)[column]
        raise ValueError(f"--input-fixed {fixed}: the model makes no number of word {words[row, feature]} of feature {feature} "
                         f"({fixed.decode(words[row : row + 1])[0, feature]:g}); take words of another range")
    return made.astype(np.int64)
