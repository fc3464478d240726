"""Results on disk by content, so that a benchmark that was killed goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.tools.cache import content_key
from finn_steps.tools.files import write_atomically


class NotRun(Exception):
    """This result is not on disk, and nothing is to be measured now."""


class Kept:
    """`kept(kind, parts, work)` gives what work() gave the first time for these parts: anything that JSON holds.

    measure  False: only what is there is given; NotRun for all else.
    """

    def __init__(self, folder: Path, measure: bool = True):
        self.folder, self.measure = folder, measure

    def __call__(self, kind: str, parts: list[str | bytes], work: Callable[[], object]):
        path = self.folder / kind / f"{content_key(*parts)}.json"
        if path.is_file():
            return json.loads(path.read_text())
        if not self.measure:
            raise NotRun(kind)
        result = work()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(result).encode())
        return result


def network_content(accelerator: Accelerator) -> list[str | bytes]:
    """What decides the integers that a network computes; not how it is built, nor the host's part."""
    parts: list[str | bytes] = []
    for layer in accelerator.layers:
        parts += [layer.idt, layer.odt]
        parts += [_array(value) for value in (layer.weights, layer.bias, layer.thresholds) if value is not None]
    ranges = accelerator.layers[0].input_range
    return parts if ranges is None else [*parts, _array(ranges)]


def _array(value: np.ndarray) -> bytes:
    return str(value.shape).encode() + value.tobytes()
