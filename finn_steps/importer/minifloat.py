"""QONNX' FloatQuant as a step function: the values that it can give, and the least float32 that reaches each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from finn_steps.importer.nodes import attribute

MOST_VALUES = 2**12


@dataclass(frozen=True, eq=False)
class Minifloat:
    """values float32 [K + 1], ascending; thresholds float32 [K]: an input of at least thresholds[k] gives values[k + 1] or more."""

    values: np.ndarray
    thresholds: np.ndarray

    @classmethod
    def of(cls, node: onnx.NodeProto, name: str, parameters: list[np.ndarray]) -> Minifloat:
        """From FloatQuant's parameters (scale, exponent width, mantissa width, exponent bias, greatest value), without the scale.

        ValueError, naming the node, for formats by channel, of too many values, or that give infinities.
        """
        if any(np.size(parameter) != 1 for parameter in parameters[1:5]):
            raise ValueError(f"node {name} (FloatQuant) has formats by channel; supported: one format")
        exponent, mantissa, bias, most = (float(np.asarray(parameter).flat[0]) for parameter in parameters[1:5])
        if not attribute(node, "saturation", 1):
            raise ValueError(f"node {name} (FloatQuant) does not saturate; supported: saturation = 1")
        if 2 ** (exponent + mantissa + 1) > MOST_VALUES:
            raise ValueError(f"node {name} (FloatQuant) has {exponent:g} exponent and {mantissa:g} mantissa bits; supported: up to "
                             f"{MOST_VALUES} values")
        mode = attribute(node, "rounding_mode", "ROUND").upper()
        if mode not in ("ROUND", "HALF_EVEN", "FLOOR", "CEIL"):
            raise ValueError(f"node {name} (FloatQuant) rounds by {mode}; supported: ROUND, FLOOR, CEIL")
        sizes = _sizes(exponent, mantissa, bias, most)
        values = np.concatenate([-sizes[:0:-1], sizes])
        return cls(values.astype(np.float32), _thresholds(values, mode, mantissa, bias))


def _sizes(exponent: float, mantissa: float, bias: float, most: float) -> np.ndarray:
    """float64, ascending from 0: multiples of 2^(e - mantissa) below 2^(e + 1), for each e from 1 - bias on, up to `most`."""
    greatest = min(most, (2.0 - 2.0**-mantissa) * 2.0 ** (2.0**exponent - 1 - bias))
    sizes, step, value = [0.0], 2.0 ** (1 - bias - mantissa), 0.0
    while value < greatest:
        value += step
        if value >= 2.0 ** (mantissa + 1) * step:
            step *= 2
        sizes.append(min(value, greatest))
    return np.array(sizes)


def _thresholds(values: np.ndarray, mode: str, mantissa: float, bias: float) -> np.ndarray:
    """By bisection over all float32 numbers, of this module's own rounding."""
    greatest = float(np.finfo(np.float32).max)
    first, last = ordinal(np.full(len(values) - 1, -greatest)), ordinal(np.full(len(values) - 1, greatest))
    while np.any(first < last):
        middle = (first + last) // 2
        reached = _rounded(number(middle), mode, mantissa, bias) >= values[1:]
        first, last = np.where(reached, first, middle + 1), np.where(reached, middle, last)
    return number(first)


def _rounded(x: np.ndarray, mode: str, mantissa: float, bias: float) -> np.ndarray:
    """float32 -> float64: to the format's step at x, unbounded above."""
    x = x.astype(np.float64)
    exponent = np.maximum(np.frexp(x)[1] - 1.0, 1 - bias)
    step = 2.0 ** (exponent - mantissa)
    return {"FLOOR": np.floor, "CEIL": np.ceil}.get(mode, np.rint)(x / step) * step


def ordinal(x: np.ndarray) -> np.ndarray:
    """float32 numbers as int64 in the same order."""
    bits = np.asarray(x, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -(bits + 2**31))


def number(ordinal: np.ndarray) -> np.ndarray:
    """The float32 of an ordinal."""
    bits = np.where(ordinal >= 0, ordinal, -ordinal - 2**31)
    return bits.astype(np.int32).view(np.float32)
