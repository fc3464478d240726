"""The host's quantiser of an input by evaluation: the least float32 of every feature that reaches each integer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from finn_steps.accelerator.host import HostOp, run_host_ops
from finn_steps.importer.minifloat import number, ordinal

GREATEST, GREATEST_HALF = float(np.finfo(np.float32).max), float(np.finfo(np.float16).max)
PROBES = 4096


def counting_operations(stored: Callable[[np.ndarray], np.ndarray], features: int, integers: np.ndarray, name: str,
                        reach: float = GREATEST) -> tuple[HostOp, ...]:
    """HostOps that turn inputs [N, features] into stored(inputs), for a function that is elementwise and monotone.

    stored    float32 [N, features] -> int64 [N, features]
    integers  int64, ascending: those that occur
    reach     the greatest size of an input
    ValueError, naming `name`, where a feature rises and falls.
    """
    ends = stored(np.array([[-reach], [reach]], np.float32) * np.ones(features, np.float32))
    direction = np.where(ends[1] < ends[0], -1, 1).astype(np.float32)
    wanted, low = integers[1:, None], int(integers[0])
    shape = (len(wanted), features)
    first = np.broadcast_to(ordinal(-reach), shape).copy()
    last = np.broadcast_to(ordinal(reach) + 1, shape).copy()
    while np.any(first < last):
        middle = (first + last) // 2
        reached = stored(number(np.minimum(middle, ordinal(reach))) * direction) >= wanted
        reached |= middle > ordinal(reach)
        first, last = np.where(reached, first, middle + 1), np.where(reached, middle, last)
    thresholds = np.where(first > ordinal(reach), np.float32(np.inf), number(np.minimum(first, ordinal(reach))))
    thresholds = np.where(first == ordinal(-reach), np.float32(-np.inf), thresholds)
    thresholds = np.repeat(thresholds, np.diff(integers), axis=0).T
    operations = (*((HostOp("mul", direction),) if np.any(direction < 0) else ()), HostOp("count", thresholds),
                  *((HostOp("add", np.float32(low)),) if low else ()))
    _check(stored, operations, thresholds * direction[:, None], features, name)
    return operations


def _check(stored, operations, thresholds: np.ndarray, features: int, name: str) -> None:
    finite = thresholds[np.isfinite(thresholds)]
    reach = 2 * np.abs(finite).max() + 1 if len(finite) else 1.0
    probes = np.linspace(-reach, reach, PROBES, dtype=np.float32)[:, None] * np.ones(features, np.float32)
    if not np.array_equal(stored(probes), run_host_ops(operations, probes).astype(np.int64)):
        raise ValueError(f"node {name} rises and falls with the input; supported: monotone operators")
