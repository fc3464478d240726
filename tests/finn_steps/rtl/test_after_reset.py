"""The first frame after power-up or a reset in mid-stream is right, whatever the core, which has no reset, was at."""

import numpy as np

from finn_steps.accelerator import Folding
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.nets import random_accelerator


def test_a_bitplane_core_is_left_time_to_finish(tmp_path):
    net = random_accelerator(widths=(8, 6, 4), zeros=0.5, seed=3)
    net = net.with_foldings({layer.name: Folding("bitplane") for layer in net.layers})
    generate(net, tmp_path / "rtl")
    simulation = Simulation.build(tmp_path / "rtl", tmp_path / "cache")
    x = np.random.default_rng(0).integers(-128, 128, (6, net.MW))
    expected = net.execute(x)
    for seed in range(12):
        for resets in ((), (5,), (9,), (20, 26), (31,)):
            assert np.array_equal(simulation.trace(x, 0.1, 0.1, seed=seed, resets=resets).y, expected), (seed, resets)
