"""What the host computes at both ends of an accelerator: a short list of float32 operations, replayed in the model's order.

The same operations in the same order and width as the model's own give the same bits as onnxruntime, so nothing that
the accelerator is fed or answers depends on how a constant was folded. deploy/driver.py replays the same list on the board.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OPERATIONS = {
    "add": lambda x, value: x + value,
    "sub": lambda x, value: x - value,
    "mul": lambda x, value: x * value,
    "div": lambda x, value: x / value,
    "clip": lambda x, value: np.clip(x, value[0], value[1]),
    "max": lambda x, value: np.maximum(x, value),
    "min": lambda x, value: np.minimum(x, value),
    "mod": lambda x, value: np.fmod(x, value),
    "batch_norm": lambda x, value: x * value[0] + (value[2] - value[1]),
    "round": lambda x, _: np.rint(x),
    "floor": lambda x, _: np.floor(x),
    "ceil": lambda x, _: np.ceil(x),
    "trunc": lambda x, _: np.trunc(x),
    "relu": lambda x, _: np.maximum(x, np.float32(0)),
    "softmax": lambda x, value: softmax(x, value),
    "log_softmax": lambda x, value: log_softmax(x, value),
    "sigmoid": lambda x, _: np.float32(1) / (np.float32(1) + np.exp(-x)),
    "tanh": lambda x, _: np.tanh(x),
    "leaky_relu": lambda x, value: np.where(x < 0, x * value, x),
    "elu": lambda x, value: np.where(x < 0, value * np.expm1(np.minimum(x, 0)), x),
    "softplus": lambda x, _: np.logaddexp(x, np.zeros_like(x)),
    "take": lambda x, value: x[:, value.astype(np.int64)],
    "count": lambda x, value: count(x, value),
    "argmax": lambda x, _: x.argmax(1)[:, None].astype(np.float32),
}


@dataclass(frozen=True, eq=False)
class HostOp:
    """One float32 operation. `value` is float32, a scalar or one per feature; clip takes [low, high], take the features to go on with,
    count thresholds [features, steps], softmax and log_softmax None or the sizes [before, along, after] of its axis."""

    op: str
    value: np.ndarray | None = None

    def __post_init__(self):
        if self.op not in OPERATIONS:
            raise ValueError(f"host operation '{self.op}' is none of {', '.join(OPERATIONS)}")
        if self.value is not None:
            value = np.array(self.value, dtype=np.float32)
            value.flags.writeable = False
            object.__setattr__(self, "value", value)

    def to_json(self, key: str, arrays: dict[str, np.ndarray]) -> dict:
        """A JSON entry; the value goes into `arrays` under `key`."""
        if self.value is None:
            return {"op": self.op}
        arrays[key] = self.value
        return {"op": self.op, "value": key}

    @classmethod
    def from_json(cls, entry: dict, arrays: dict[str, np.ndarray]) -> HostOp:
        return cls(entry["op"], arrays[entry["value"]] if "value" in entry else None)


def run_host_ops(ops: tuple[HostOp, ...], x: np.ndarray) -> np.ndarray:
    """float32 [N, n] -> float32 [N, n]."""
    x = np.asarray(x, dtype=np.float32)
    for op in ops:
        x = OPERATIONS[op.op](x, op.value)
    return x


def softmax(x: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
    """float32 [N, n], over all n, or along the middle axis of [before, along, after] = sizes."""
    grouped = x.reshape(len(x), *((1, x.shape[1], 1) if sizes is None else sizes.astype(int)))
    powers = np.exp(grouped - grouped.max(axis=2, keepdims=True))
    return (powers / powers.sum(axis=2, keepdims=True)).reshape(x.shape)


def log_softmax(x: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
    """float32 [N, n], the logarithm of softmax."""
    grouped = x.reshape(len(x), *((1, x.shape[1], 1) if sizes is None else sizes.astype(int)))
    below = grouped - grouped.max(axis=2, keepdims=True)
    return (below - np.log(np.exp(below).sum(axis=2, keepdims=True))).reshape(x.shape)


def count(x: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """float32 [N, n]: how many of a feature's thresholds, [n, steps] ascending, each value reaches."""
    reached = [np.searchsorted(row, column, side="right") for row, column in zip(thresholds, x.T)]
    return np.stack(reached, axis=1).astype(np.float32)
