"""The imported accelerator against the user's own file: integers where the file has them, then its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.host import run_host_ops
from finn_steps.original.executor import Original
from finn_steps.original.float_bounds import HALF_UNIT, UNIT, last_sum_error, output_interval
from finn_steps.original.locate import Difference, DifferenceError, describe
from finn_steps.original.meeting import Meeting

CHUNK = 4096
ROUNDINGS = 4
"""Of a quantised value in the file: its scale, its offset, the product and the sum."""


@dataclass(frozen=True)
class Comparison:
    """What was compared: `borderline` samples only up to the layer where they are. A difference raises, so `mismatches` is 0."""

    sha256: str
    executor: str
    samples: int
    batched: bool
    borderline: int
    mismatches: int = 0


def compare(original: Original, meetings: dict[str, Meeting], accelerator: Accelerator, x: np.ndarray,
            borderline: Mapping[str, np.ndarray] = MappingProxyType({}), standard: Path | str | None = None) -> Comparison:
    """Hold an accelerator, as imported, to the file.

    meetings    by the names of the layers, and "input"; layers without one are tested by what follows them
    x           float32 [N, features], which the file's input takes (`original.file.representable`)
    borderline  bool [N] by the names of layers, samples in which float rounding of the file may change an integer that the layer gives:
                they are compared up to there
    standard    an ONNX file in standard operators that keeps the user's names of tensors, to locate a difference with
    DifferenceError, in one line, at the first tensor that parts.
    """
    skipped = 0
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        check = _Check(original, meetings, accelerator, x[part], {name: touched[part] for name, touched in borderline.items()})
        for difference in check.differences():
            raise DifferenceError(describe(original, check.x, difference, start, standard))
        skipped += int(check.skipped.sum())
    return Comparison(original.sha256, original.executor, len(x), original.batched, skipped)


class _Check:
    """One chunk. `skipped`, bool [N], grows by the borderline samples of each layer, and by those whose label is within rounding of
    another one's."""

    def __init__(self, original, meetings, accelerator, x, borderline):
        self.original, self.meetings, self.accelerator, self.x, self.borderline = original, meetings, accelerator, x, borderline
        self.skipped = np.zeros(len(x), bool)
        output = original.file.output
        self.found = original.tensors(x, list(dict.fromkeys([*(m.tensor for m in meetings.values()), output])))
        self.output = self.found[output]

    def differences(self) -> Iterator[Difference]:
        """In the order of the layers; whoever takes one stops there."""
        stored = self.accelerator.quantise(self.x)
        if "input" in self.meetings:
            yield from self._claim("input", stored, None)
        error = np.zeros((len(self.x), 1))
        for layer in self.accelerator.layers:
            if layer.thresholds is None:
                meeting = self.meetings.get(layer.name)
                unit = self._unit(self.original.file.output if meeting is None else meeting.tensor)
                error = last_sum_error(self.accelerator, self.meetings, stored, unit)
            stored = layer.execute(stored)
            self.skipped |= self.borderline.get(layer.name, False)
            if layer.name in self.meetings:
                yield from self._claim(layer.name, stored, error)
        last = self.meetings.get(self.accelerator.layers[-1].name)
        if last is not None and last.raw:
            error = error + last.slack / np.abs(last.scale)
        yield from self._outputs(stored, error)

    def _claim(self, name: str, stored: np.ndarray, error: np.ndarray | None) -> Iterator[Difference]:
        """The file's values against scale * stored + offset: float roundings of theirs apart; for a raw sum also its own."""
        meeting = self.meetings[name]
        values = self.found[meeting.tensor].astype(np.float64)
        if values.shape[1] == self.accelerator.features != stored.shape[1] and name == "input":
            values = values[:, self.accelerator.input_index]
        expected = meeting.expected(stored)
        if expected.shape != values.shape:
            yield Difference(name, meeting.tensor, 0, 0, f"{expected.shape[1]} values", f"{values.shape[1]}")
            return
        bound = self._roundings(meeting, stored, values) + meeting.slack
        if meeting.raw:
            bound = bound + np.abs(meeting.scale) * error
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(values - expected) <= bound)
        yield from self._first(name, meeting.tensor, wrong & ~self.skipped[:, None], values, expected)

    def _roundings(self, meeting: Meeting, stored: np.ndarray, values: np.ndarray) -> np.ndarray:
        kind = self.found[meeting.tensor].dtype
        if kind.kind != "f":
            return np.zeros((1, 1))
        size = np.abs(meeting.scale * stored) + np.abs(meeting.offset) + np.abs(np.nan_to_num(values))
        return ROUNDINGS * self._unit(meeting.tensor) * size

    def _unit(self, tensor: str) -> float:
        return HALF_UNIT if self.found[tensor].dtype == np.float16 else UNIT

    def _outputs(self, stored: np.ndarray, error: np.ndarray) -> Iterator[Difference]:
        output, operations = self.original.file.output, self.accelerator.host_output
        decides = bool(operations) and operations[-1].op == "argmax"
        operations = operations[:-1] if decides else operations
        interval = output_interval(operations, stored - error, stored + error, self._unit(output))
        if decides or self.accelerator.labels is not None:
            yield from self._labels(run_host_ops(operations, stored), *interval)
            return
        host = self.accelerator.dequantise(stored).astype(np.float64)
        if host.shape != self.output.shape:
            yield Difference("outputs", output, 0, 0, f"{host.shape[1]} values", f"{self.output.shape[1]}")
            return
        values = self.output.astype(np.float64)
        wrong = ~((inside(values, *interval) & inside(host, *interval)) | same(values, host))
        yield from self._first("outputs", output, wrong & ~self.skipped[:, None], values, host)

    def _labels(self, scores: np.ndarray, low: np.ndarray, high: np.ndarray) -> Iterator[Difference]:
        """The file's label, or that of its greatest output, must be the accelerator's, except where another one is as near."""
        rows, best = np.arange(len(scores)), scores.argmax(1)
        labels = np.arange(scores.shape[1]) if self.accelerator.labels is None else self.accelerator.labels
        given = self.output.argmax(1) if self.output.shape[1] > 1 else self.output[:, 0].astype(np.int64)
        chosen = np.argsort(labels)[np.clip(given, 0, len(labels) - 1)]
        uncertain = (low[rows, chosen] < high[rows, chosen]) | (low[rows, best] < high[rows, best])
        near = (given == labels[chosen]) & (high[rows, chosen] >= low[rows, best]) & uncertain
        wrong = given != labels[best]
        self.skipped |= wrong & near
        wrong &= ~self.skipped
        yield from self._first("label", self.original.file.output, wrong[:, None], given[:, None], labels[best][:, None])

    def _first(self, name, tensor, wrong, values, expected) -> Iterator[Difference]:
        if np.any(wrong):
            sample, position = (int(i) for i in np.argwhere(wrong)[0])
            yield Difference(name, tensor, sample, position, f"{expected[sample, position]:.9g}", f"{values[sample, position]:.9g}")


def inside(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (values >= low) & (values <= high)


def same(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Equal, NaN to NaN and infinity to infinity."""
    return (values == others) | (np.isnan(values) & np.isnan(others))
