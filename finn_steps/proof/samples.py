"""Values of a layer's inputs, by which guesses are made: such as frames bring about, and others. Nothing is proved by them."""

from __future__ import annotations

import numpy as np

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.proof.rows import of_one_sum

POOL = 1 << 13
RANDOM, OF_NEURONS, MOST_OF_NEURON = 1024, 2048, 64
APART = 256
"""Of an input by itself: values at even steps of the sum that it is made from."""


def layer_samples(accelerator: Accelerator, free: bool = False) -> list[np.ndarray]:
    """For each layer int64 [N, MW]: inputs at random, and for each neuron some that take its accumulator from the least to the
    greatest value that was seen. free: also some that take it over its whole range by each input apart, whether frames bring them
    about or not; inputs that are rows of one sum stay together."""
    rng = np.random.default_rng(0)
    pool, found = _frames(accelerator, rng), []
    inputs = np.linspace(accelerator.layers[0].input_low, accelerator.layers[0].input_high, APART).astype(np.int64)
    groups = [[k] for k in range(accelerator.layers[0].MW)]
    for layer in accelerator.layers:
        accumulators = pool @ layer.weights.T + layer.bias
        each = int(np.clip(OF_NEURONS // layer.MH, 4, MOST_OF_NEURON))
        places = np.linspace(0, len(pool) - 1, each).astype(int)
        chosen = [np.arange(RANDOM), *(np.argsort(accumulators[:, row], kind="stable")[places] for row in range(layer.MH))]
        found.append(np.concatenate([pool[np.concatenate(chosen)], *(_apart(row, inputs, groups, rng) for row in layer.weights if free)]))
        layer = layer.taking(np.stack([inputs[0], inputs[-1]]))
        sums = np.linspace(layer.accumulator_min, layer.accumulator_max, APART).astype(np.int64)
        pool, inputs, groups = layer.execute(pool), np.stack([layer.answers(each) for each in sums]), of_one_sum(layer)
    return found


def _apart(weights: np.ndarray, inputs: np.ndarray, groups: list[list[int]], rng: np.random.Generator) -> np.ndarray:
    """int64 [MOST_OF_NEURON, MW]: a row's accumulator from its least to its greatest value, each group of inputs as somewhere in `inputs`,
    int64 [N, MW], the others."""
    share, found = np.linspace(0, 1, MOST_OF_NEURON), np.empty((MOST_OF_NEURON, len(weights)), np.int64)
    for group in groups:
        part = inputs[:, group] @ weights[group]
        keep = (rng.random(MOST_OF_NEURON) < 0.3) & (share > 0) & (share < 1) | (not weights[group].any())
        end = np.where(rng.random(MOST_OF_NEURON) < share, part.argmax(), part.argmin())
        found[:, group] = inputs[np.where(keep, rng.integers(len(inputs), size=MOST_OF_NEURON), end)][:, group]
    return found


def _frames(accelerator: Accelerator, rng: np.random.Generator) -> np.ndarray:
    """int64 [N, MW]: uniform, at the ends, and such that each neuron of the first layer goes from its least to its greatest value."""
    layer = accelerator.layers[0]
    low, high = layer.input_low, layer.input_high
    uniform = rng.integers(low, high + 1, (POOL, layer.MW))
    ends = np.where(rng.random((POOL // 2, layer.MW)) < 0.5, low, high)
    return np.concatenate([uniform, ends, *(_sweep(layer, row, rng) for row in range(layer.MH))])


def _sweep(layer: SparseLayer, row: int, rng: np.random.Generator) -> np.ndarray:
    low, high, share = layer.input_low, layer.input_high, np.linspace(0, 1, MOST_OF_NEURON)[:, None]
    uniform = rng.integers(low, high + 1, (MOST_OF_NEURON, layer.MW))
    up = rng.random(uniform.shape) < share
    keep = (rng.random(uniform.shape) < 0.3) & (share > 0) & (share < 1) | (layer.weights[row] == 0)
    return np.where(keep, uniform, np.where(up == (layer.weights[row] > 0), high, low))
