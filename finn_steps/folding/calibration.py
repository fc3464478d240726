"""Coefficients between what is counted and what Yosys reports: calibration.json, made by tests/benchmarks/calibrate.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("calibration.json")


def price(resource: str, style: str, features: Mapping[str, float]) -> float:
    """LUTs ("lut") or flip-flops ("ff") of counted features; a feature without a coefficient costs nothing."""
    coefficients = calibration()["coefficients"][style][resource]
    return sum(coefficients.get(feature, 0.0) * number for feature, number in features.items())


@lru_cache(maxsize=1)
def calibration() -> dict:
    """calibration.json: `coefficients` {style: {lut|ff: {feature: number}}}, and the `runs` they were fitted to."""
    return json.loads(FILE.read_text())
