"""What is legal in a network but rarely meant: a line for each, with its figures."""

from __future__ import annotations

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer

SATURATED = 0.99
USED, FEWEST_LEVELS = 1 / 8, 16
"""The share of an input's levels below which its range is called unused, and the levels from which it is looked at."""
NAMED = 5
MOSTLY = 0.5
LOOKED_AT = 2000
"""Samples from which the share of saturated answers is taken."""


def warnings_of(accelerator: Accelerator, q: np.ndarray) -> list[str]:
    """On the input integers q, int64 [N, MW], of the network as it was imported."""
    found = _unused_inputs(accelerator, q)
    answers = q[:: max(1, len(q) // LOOKED_AT)]
    for layer in accelerator.layers:
        answers = layer.execute(answers)
        found += _zero_weights(layer) + _saturated(layer, answers)
    return found + (_constant_outputs(accelerator.execute(q)) if constant(answers) else [])


def undecided(borderline: int, samples: int) -> list[str]:
    """Where float rounding leaves most of a comparison open."""
    if borderline <= MOSTLY * samples:
        return []
    return [f"{borderline:,} of {samples:,} samples have an accumulator within float rounding of a threshold and are compared with your "
            "file up to there only; scales that are powers of two make it exact"]


def _unused_inputs(accelerator: Accelerator, q: np.ndarray) -> list[str]:
    first = accelerator.layers[0]
    levels = first.input_high - first.input_low + 1
    used = q.max(0) - q.min(0) + 1
    few = np.flatnonzero((levels >= FEWEST_LEVELS) & (used <= USED * levels) & np.any(first.weights != 0, axis=0))
    if not len(few):
        return []
    named = ", ".join(f"{accelerator.input_index[i]} ({q[:, i].min()} to {q[:, i].max()})" for i in few[:NAMED])
    more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
    return [f"{len(few)} of {accelerator.MW} inputs use at most an eighth of their {_span(levels[few])} levels ({accelerator.idt}) on the data: "
            f"{named}{more}"]


def _span(numbers: np.ndarray) -> str:
    least, most = int(numbers.min()), int(numbers.max())
    return f"{least}" if least == most else f"{least} to {most}"


def _zero_weights(layer: SparseLayer) -> list[str]:
    return [] if layer.nonzeros else [f"{layer.name}: all {layer.weights.size:,} weights are zero"]


def _saturated(layer: SparseLayer, answers: np.ndarray) -> list[str]:
    """Answers at the least or the greatest level that the neuron's accumulator can reach; neurons with one level do not count."""
    if layer.thresholds is None or DataType[layer.odt].get_num_possible_values() <= 3:
        return []
    low, high = layer.answer_range
    moving = low < high
    if not moving.any():
        return []
    ends = (answers == low) | (answers == high)
    share = float(ends[:, moving].mean())
    if share < SATURATED:
        return []
    return [f"{layer.name}: {share:.1%} of its answers are at an end of what they can be ({low[moving].min()} to {high[moving].max()}, "
            f"{layer.odt}) on the data"]


def _constant_outputs(answers: np.ndarray) -> list[str]:
    if len(answers) < 2 or not constant(answers):
        return []
    shown = ", ".join(str(value) for value in answers[0][:NAMED]) + (", ..." if answers.shape[1] > NAMED else "")
    return [f"every output is constant on all {len(answers):,} samples ({shown})"]


def constant(answers: np.ndarray) -> bool:
    return bool(np.all(answers == answers[:1]))
