"""The accelerator's answer as a label: which of its outputs the model would call the greatest.

What the host would do to the last layer's integers (positive scales, whole multiples of one; a shift for each, softmax or sigmoid)
does not change their order, but for the multiples, which go into the weights, and the shifts. With c = shift / scale, output i is the greatest where integer[i] + c[i] is:
floor(c) goes into the bias, and of equal sums the one with the greater c - floor(c) wins, then the first. So the rows are put
into that order of preference, and the hardware answers with the label of the first greatest row. All of it in exact rationals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.host import HostOp

AFFINE = ("mul", "div", "add", "sub", "batch_norm")
ORDER_KEEPING = ("softmax", "log_softmax", "sigmoid", "tanh", "argmax")


MOST_RATIO = 1 << 12
"""Of the greatest scale to the least."""


@dataclass(frozen=True, eq=False)
class Labelling:
    """From the last layer's integers to labels.

    order  int64 [MH], the outputs in order of preference among equals
    ratio  int64 [MH], by which the integers are multiplied; 0 for one that never changes
    shift  int64 [MH], added before they are compared
    """

    order: np.ndarray
    ratio: np.ndarray
    shift: np.ndarray

    def labels(self, integers: np.ndarray) -> np.ndarray:
        """int64 [N, MH] -> int64 [N, 1]"""
        return self.order[(integers * self.ratio + self.shift)[:, self.order].argmax(1)][:, None]


def labelling(accelerator: Accelerator) -> Labelling:
    """What makes a label of a raw accelerator's integers. ValueError where the host's operations decide more than the order."""
    layer = accelerator.layers[-1]
    if layer.MH < 2:
        raise ValueError(f"{accelerator.name}: a label needs two outputs or more, {layer.name} has {layer.MH}; build it raw")
    ratio, shifts = in_one_unit(accelerator)
    if layer.thresholds is not None and (len(set(shifts)) > 1 or np.any(ratio != 1)):
        raise ValueError(f"{accelerator.name}: the quantised outputs of {layer.name} are scaled or shifted each by its own; build it raw")
    whole = [floor(shift) for shift in shifts] if layer.thresholds is None else [0] * layer.MH
    order = sorted(range(layer.MH), key=lambda row: (whole[row] - shifts[row], row))
    return Labelling(np.array(order), ratio, np.array(whole, dtype=np.int64))


def in_one_unit(accelerator: Accelerator) -> tuple[np.ndarray, list[Fraction]]:
    """(ratio, shifts): each output is unit * (ratio * integer + shift), of one positive unit for all. A row without weights has its value as
    its shift, whatever its scale. ValueError where the scales are no whole multiples of the least."""
    layer, outputs = accelerator.layers[-1], affine(accelerator)
    fixed = ~layer.weights.any(axis=1) if layer.thresholds is None else np.zeros(layer.MH, bool)
    scales = [scale for (scale, _), still in zip(outputs, fixed) if not still]
    unit = min(scales, default=abs(outputs[0][0]))
    if unit <= 0 or any((scale / unit).denominator > 1 or scale / unit > MOST_RATIO for scale in scales):
        raise ValueError(f"{accelerator.name}: a label needs one positive scale for all outputs, or whole multiples of one; give the last layer's "
                         "weights one scale, or build it raw")
    ratio = [0 if still else int(scale / unit) for (scale, _), still in zip(outputs, fixed)]
    values = [(offset + scale * int(bias) if still else offset) / unit for (scale, offset), bias, still in zip(outputs, layer.bias, fixed)]
    return np.array(ratio, dtype=np.int64), values


def affine(accelerator: Accelerator) -> list[tuple[Fraction, Fraction]]:
    """(scale, offset) of each output: what the host makes of the last layer's integers, up to the order-keeping end."""
    MH = accelerator.layers[-1].MH
    outputs = [(Fraction(1), Fraction(0))] * MH
    for op in accelerator.host_output:
        if op.op in ORDER_KEEPING and not ("softmax" in op.op and op.value is not None):
            break
        if op.op not in AFFINE:
            raise ValueError(f"{accelerator.name}: the model ends in '{op.op}', which can make outputs equal; build it raw")
        outputs = applied(op, outputs)
    return outputs


def applied(op: HostOp, outputs: list[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    """(scale, offset) of each output behind one more of the AFFINE operations."""
    if op.op == "batch_norm":
        factors, means, biases = (np.broadcast_to(row, len(outputs)).astype(float) for row in op.value)
        return [(scale * Fraction(f), offset * Fraction(f) + Fraction(b) - Fraction(m))
                for (scale, offset), f, m, b in zip(outputs, factors, means, biases)]
    values = [Fraction(float(value)) for value in np.broadcast_to(op.value, len(outputs))]
    return [_applied(op.op, value, *output) for value, output in zip(values, outputs)]


def _applied(op: str, value: Fraction, scale: Fraction, offset: Fraction) -> tuple[Fraction, Fraction]:
    if op in ("mul", "div"):
        factor = value if op == "mul" else 1 / value
        return scale * factor, offset * factor
    return scale, offset + (value if op == "add" else -value)


def with_label(accelerator: Accelerator) -> Accelerator:
    """The accelerator that answers with labels, int64 [N, 1]; ValueError as `labelling` says."""
    made = labelling(accelerator)
    layer = accelerator.layers[-1]
    order = made.order
    thresholds = None if layer.thresholds is None else layer.thresholds[order]
    weights, bias = layer.weights * made.ratio[:, None], layer.bias * made.ratio + made.shift
    last = replace(layer, weights=weights[order], bias=bias[order], thresholds=thresholds)
    made = replace(accelerator, layers=(*accelerator.layers[:-1], last), host_output=(), labels=order)
    if thresholds is not None:
        return made
    return replace(made, layers=(*made.layers[:-1], replace(last, odt=made.raw_datatype)))
