"""The cost model against Yosys, on networks that it was not fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from finn_steps.folding.calibration import calibration
from tests.benchmarks.calibrate import FEATURES, judge


@pytest.mark.slow
def test_luts_are_predicted():
    errors = np.abs(judge())
    assert np.median(errors) <= 0.15 and errors.max() <= 0.30


@pytest.mark.parametrize("style", FEATURES)
def test_the_calibration_holds_what_it_was_fitted_to(style):
    """Half of the runs that the repository holds are met within 15 %, from their counted features alone."""
    runs = [run for run in calibration()["runs"] if run["style"] == style]
    coefficients = calibration()["coefficients"][style]["lut"]
    priced = [sum({**coefficients, "join_lut": 1}.get(name, 0) * number for name, number in run["features"].items()) for run in runs]
    errors = np.array(priced) / [run["lut"] for run in runs] - 1
    assert len(runs) >= 6 and np.median(np.abs(errors)) <= 0.15
