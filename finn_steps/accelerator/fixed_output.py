"""The accelerator's answers as fixed-point words: each integer is its output, in units of one power of two for all of them.

Where the host would multiply the last layer's integers by powers of two and add multiples of these, the hardware can as well: factors go
into the weights, what is added goes into the bias. Of a word w the output is w / 2**(bits - integer_bits), exactly. What the host computes
behind that (softmax) it still does. All of it in exact rationals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.fixed_point import FixedPoint
from finn_steps.accelerator.host import HostOp
from finn_steps.accelerator.label import AFFINE, applied

MOST_BITS = 53
"""Of a word: as the FINN graph's float64 holds them."""


@dataclass(frozen=True, eq=False)
class FixedAnswers:
    """word = ratio * integer + shift, both int64 [MH]; the output is word * unit up to `rest` of the host's operations."""

    ratio: np.ndarray
    shift: np.ndarray
    unit: Fraction
    rest: tuple[HostOp, ...]

    def words(self, integers: np.ndarray) -> np.ndarray:
        """int64 [N, MH] of the raw accelerator -> int64 [N, MH]."""
        return integers * self.ratio + self.shift


def fixed_answers(accelerator: Accelerator) -> FixedAnswers:
    """Of a raw accelerator. ValueError where its outputs are no words of one power of two."""
    outputs = [(Fraction(1), Fraction(0))] * accelerator.layers[-1].MH
    rest = list(accelerator.host_output)
    while rest and rest[0].op in AFFINE:
        outputs = applied(rest.pop(0), outputs)
    parts = [part for output in outputs for part in output if part]
    odd = next((part for part in parts if part.denominator & part.denominator - 1), None)
    if odd is not None or any(scale.numerator & scale.numerator - 1 for scale, _ in outputs):
        raise ValueError(f"{accelerator.name}: fixed-point outputs need scales of powers of two, {float(outputs[0][0]):g} is the first; build it raw")
    unit = min(Fraction(part.numerator & -part.numerator, part.denominator) for part in parts)
    ratio, shift = (np.array([int(output[place] / unit) for output in outputs], dtype=object) for place in (0, 1))
    if max(map(abs, [*ratio, *shift])) >> MOST_BITS:
        raise ValueError(f"{accelerator.name}: fixed-point outputs need more than {MOST_BITS} bits for all outputs in one unit; build it raw")
    return FixedAnswers(ratio.astype(np.int64), shift.astype(np.int64), unit, tuple(rest))


def with_fixed_output(accelerator: Accelerator) -> Accelerator:
    """The accelerator that answers with words; ValueError as `fixed_answers` says."""
    made, last = fixed_answers(accelerator), accelerator.layers[-1]
    if last.thresholds is not None and (np.any(made.ratio != 1) or np.any(made.shift)):
        raise ValueError(f"{accelerator.name}: the quantised outputs of {last.name} have scales or shifts of their own; build it raw")
    if last.thresholds is None:
        last = replace(last, weights=last.weights * made.ratio[:, None], bias=made.words(last.bias), odt="INT64")
        accelerator = replace(accelerator, layers=(*accelerator.layers[:-1], last))
        last = replace(last, odt=accelerator.raw_datatype)
    bits, fraction_bits = DataType[last.odt].bitwidth(), made.unit.denominator.bit_length() - made.unit.numerator.bit_length()
    return replace(accelerator, layers=(*accelerator.layers[:-1], last), host_output=(HostOp("mul", float(made.unit)), *made.rest),
                   output_fixed=FixedPoint(bits, bits - fraction_bits))
