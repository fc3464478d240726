"""The driver's host operations and the builder's are two files that must be one: deploy/ runs on a board, without finn_steps."""

import numpy as np
import pytest

from deploy.network import OPERATIONS as DRIVER
from finn_steps.accelerator.host import OPERATIONS as BUILDER

VALUES = {
    "clip": [-1, 1], "softmax": [2, 3, 2], "log_softmax": [3, 2, 2], "take": [3, 3, 0, 11], "count": np.sort(np.linspace(-2, 2, 60)).reshape(12, 5),
    "batch_norm": np.linspace(-2, 2, 36).reshape(3, 12), "leaky_relu": 0.1, "elu": 0.7, **dict.fromkeys(("add", "sub", "mul", "div", "max", "min", "mod"), np.linspace(0.5, 2, 12)),
}


def test_both_know_the_same():
    assert DRIVER.keys() == BUILDER.keys()


@pytest.mark.parametrize("name", sorted(BUILDER))
def test_same_bits(name):
    x = np.random.default_rng(0).normal(0, 3, (200, 12)).astype(np.float32)
    x[0], x[1], x[2] = 0, np.inf, -np.inf
    value = np.asarray(VALUES[name], np.float32) if name in VALUES else None
    with np.errstate(all="ignore"):
        driver, builder = DRIVER[name](x, value), BUILDER[name](x, value)
        assert driver.dtype == builder.dtype and np.array_equal(driver, builder, equal_nan=True)
        if name in ("softmax", "log_softmax"):
            assert np.array_equal(DRIVER[name](x, None), BUILDER[name](x, None), equal_nan=True)
            assert not np.array_equal(DRIVER[name](x[3:], None), driver[3:])
    assert len(np.unique(builder[3:])) > 1
