"""The integers that each input of the first layer can be: what its quantiser has, as far as the operators in front of it reach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finn_steps.accelerator.host import OPERATIONS, HostOp
from finn_steps.importer.grid import Grid

LARGEST = np.float32(np.finfo(np.float32).max)


def input_range(operations: Sequence[HostOp], features: int, grid: Grid) -> np.ndarray:
    """int64 [2, width]: the least and the greatest."""
    low, high = host_range(operations, features)
    return np.stack([np.clip(end, grid.least, grid.most) for end in (low, high)]).astype(np.int64)


def host_range(operations: Sequence[HostOp], features: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 [width]: the least and the greatest that operations, each of which is monotone but for mod, make of any inputs."""
    low, high = np.full(features, -LARGEST), np.full(features, LARGEST)
    for op in operations:
        with np.errstate(all="ignore"):
            ends = np.concatenate([OPERATIONS[op.op](end[None], op.value) for end in (low, high)])
        ends = np.nan_to_num(ends, posinf=LARGEST, neginf=-LARGEST)
        if op.op == "mod":
            within = np.trunc(low / op.value) == np.trunc(high / op.value)
            most = [np.where(low < 0, -op.value, 0), np.where(high > 0, op.value, 0)]
            ends = np.where(within & (np.sign(low) * np.sign(high) >= 0), ends, most)
        low, high = ends.min(0), ends.max(0)
    return low, high
