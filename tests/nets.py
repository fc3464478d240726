"""Random networks of known shape for tests: integer accelerators made in numpy, and QONNX files as Brevitas writes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer, smallest_datatype
from finn_steps.accelerator.host import HostOp

JET_WIDTHS = (16, 64, 32, 32, 5)


def random_accelerator(widths=JET_WIDTHS, weight_bits=4, activation_bits=4, zeros=0.7, seed=0, scales="pow2", input_bits=8):
    """A sparse integer network with signed inputs, ReLU-like activations and raw outputs, all of it decided by `seed`.

    scales="pow2":  threshold k of neuron m is (k << shift) - bias[m]: a shift and clip that floors.
    scales="float": the steps between a neuron's thresholds differ by neuron and are not powers of two.
    The shift or step is such that the activations use most of their range on random inputs.
    """
    rng = np.random.default_rng(seed)
    sample = random_inputs(rng, 1000, widths[0], f"INT{input_bits}")
    layers, idt = [], f"INT{input_bits}"
    for number, (MW, MH) in enumerate(zip(widths, widths[1:])):
        weights = random_weights(rng, MH, MW, weight_bits, zeros)
        acc = sample @ weights.T
        spread = max(1.0, 2.0 * float(np.abs(acc).std()))
        bias = rng.integers(-int(spread) // 4, int(spread) // 4 + 1, MH)
        name = f"layer{number}"
        if number == len(widths) - 2:
            raw = SparseLayer(name, weights, bias, None, idt, "INT32")
            odt = smallest_datatype(int(raw.accumulator_min.min()), int(raw.accumulator_max.max()))
            layers.append(SparseLayer(name, weights, bias, None, idt, odt))
            break
        steps = 2**activation_bits - 1
        thresholds = _thresholds(rng, steps, spread, bias, scales)
        odt = smallest_datatype(0, steps)
        layers.append(SparseLayer(name, weights, np.zeros(MH), thresholds, idt, odt))
        sample, idt = layers[-1].execute(sample), odt
    low, high = -(2 ** (input_bits - 1)), 2 ** (input_bits - 1) - 1
    scale = np.float32(2.0 ** (2 - input_bits))
    return Accelerator(
        name=f"random-{seed}",
        layers=tuple(layers),
        features=widths[0],
        input_index=np.arange(widths[0]),
        host_input=(HostOp("div", scale), HostOp("round"), HostOp("clip", [low, high])),
        host_output=(HostOp("mul", np.float32(2.0**-8)),),
    )


def random_weights(rng, MH, MW, bits, zeros):
    """int64 [MH, MW] of `bits` bits, narrow range, with exactly round(zeros * MH * MW) zeros."""
    limit = max(1, 2 ** (bits - 1) - 1)
    weights = rng.integers(1, limit + 1, (MH, MW)) * rng.choice([-1, 1], (MH, MW))
    weights.ravel()[rng.permutation(MH * MW)[: round(zeros * MH * MW)]] = 0
    return weights


def random_inputs(rng, samples, features, datatype):
    """int64 [samples, features] over all that `datatype` allows; the first two samples are all least and all greatest."""
    low, high = int(DataType[datatype].min()), int(DataType[datatype].max())
    x = rng.integers(low, high + 1, (samples, features))
    x[0], x[min(1, samples - 1)] = low, high
    return x


def _thresholds(rng, steps, spread, bias, scales):
    k = np.arange(1, steps + 1)
    if scales == "pow2":
        shift = max(0, round(np.log2(spread / (steps + 1))))
        return (k << shift) - bias[:, None]
    if scales == "float":
        step = spread / (steps + 1) * rng.uniform(0.5, 1.5, (len(bias), 1))
        return np.ceil((k - 0.5) * step).astype(np.int64) - bias[:, None]
    raise ValueError(f"scales '{scales}' is none of pow2, float")


def with_ranges(accelerator, seed=0, most=None):
    """The network with inputs of all kinds of ranges: no bit to all (or `most`), signed, unsigned, narrow, away from zero, one value."""
    rng = np.random.default_rng(seed)
    first = accelerator.layers[0]
    width = most or DataType[first.idt].bitwidth()
    ranges = []
    for element in range(first.MW):
        bits = int(rng.integers(1, width + 1))
        half = 1 << bits - 1
        ranges.append([(-half, half - 1), (1 - half, half - 1), (0, half - 1), (half // 2, half - 1), (half - 1, half - 1)][element % 5])
    return replace(accelerator, layers=(replace(first, input_range=np.array(ranges).T), *accelerator.layers[1:]))


def inputs_in_range(accelerator, samples, seed=0):
    """int64 [samples, MW]: all least, all greatest, then at random."""
    low, high = accelerator.layers[0].input_low, accelerator.layers[0].input_high
    x = np.random.default_rng(seed).integers(np.broadcast_to(low, (samples, accelerator.MW)), high, endpoint=True)
    x[0], x[min(1, samples - 1)] = low, high
    return x
