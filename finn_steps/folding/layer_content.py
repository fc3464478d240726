"""What decides the counts of a layer: its arrays, and the sources that count. For keys of the cache."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl import core_cache


def layer_content(layer: SparseLayer) -> list[bytes]:
    arrays = [layer.weights, layer.bias, *(array for array in (layer.thresholds, layer.input_range) if array is not None)]
    return [part for array in arrays for part in (str(array.shape).encode(), array.tobytes())]


@lru_cache(maxsize=1)
def sources() -> bytes:
    """The generators, and what counts and schedules here."""
    here = Path(__file__).parent
    names = ("collect.py", "core_counts.py", "folded_counts.py", "mapped.py", "schedule.py", "schedule.cpp")
    return core_cache.sources() + b"".join((here / name).read_bytes() for name in names)
