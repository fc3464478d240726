"""Values of a layer's inputs, by which guesses are made: such as frames bring about, and others. Nothing is proved by them."""

from __future__ import annotations

import numpy as np

from finn_steps.accelerator import Accelerator, SparseLayer

POOL = 1 << 13
RANDOM, OF_NEURONS, MOST_OF_NEURON = 1024, 2048, 64


def layer_samples(accelerator: Accelerator, free: bool = False) -> list[np.ndarray]:
    """For each layer int64 [N, MW]: inputs at random, and for each neuron some that take its accumulator from the least to the
    greatest value that was seen. free: also some that take it over its whole range by each input apart, whether frames bring them
    about or not; inputs that are rows of one sum stay together."""
    rng = np.random.default_rng(0)
    pool, found, before = _frames(accelerator, rng), [], None
    for layer in accelerator.layers:
        accumulators = pool @ layer.weights.T + layer.bias
        each = int(np.clip(OF_NEURONS // layer.MH, 4, MOST_OF_NEURON))
        places = np.linspace(0, len(pool) - 1, each).astype(int)
        chosen = [np.arange(RANDOM), *(np.argsort(accumulators[:, row], kind="stable")[places] for row in range(layer.MH))]
        apart = _of_one_sum(before, layer.MW) if free else []
        found.append(np.concatenate([pool[np.concatenate(chosen)], *(_apart(layer, row, pool, apart, rng) for row in range(layer.MH) if free)]))
        pool, before = layer.execute(pool), layer
    return found


def _of_one_sum(before: SparseLayer | None, inputs: int) -> list[list[int]]:
    """The inputs of a layer, those together that are rows of equal weights and bias of the layer `before` it."""
    if before is None:
        return [[k] for k in range(inputs)]
    alike: dict[bytes, list[int]] = {}
    for row in range(before.MH):
        alike.setdefault(before.weights[row].tobytes() + before.bias[row].tobytes(), []).append(row)
    return list(alike.values())


def _apart(layer: SparseLayer, row: int, pool: np.ndarray, groups: list[list[int]], rng: np.random.Generator) -> np.ndarray:
    """int64 [MOST_OF_NEURON, MW]: a row's accumulator from its least to its greatest value, each group of inputs as it is somewhere in the
    pool."""
    share, found = np.linspace(0, 1, MOST_OF_NEURON), np.empty((MOST_OF_NEURON, layer.MW), np.int64)
    for group in groups:
        part = pool[:, group] @ layer.weights[row, group]
        keep = (rng.random(MOST_OF_NEURON) < 0.3) & (share > 0) & (share < 1) | (not layer.weights[row, group].any())
        end = np.where(rng.random(MOST_OF_NEURON) < share, part.argmax(), part.argmin())
        found[:, group] = pool[np.where(keep, rng.integers(len(pool), size=MOST_OF_NEURON), end)][:, group]
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
