"""The estimate against what the RTL simulation measures: cycles are the same, style by style and mixed."""

from __future__ import annotations

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.folding.cost import estimate
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.nets import random_accelerator, random_inputs

U = Folding()
S = Folding("serial")


def B(digits):  # noqa: N802
    return Folding("bitplane", digits=digits)


def F(PE, SIMD):  # noqa: N802, N803
    return Folding("folded", PE, SIMD)


@pytest.mark.parametrize(
    "foldings",
    [(U, U, U), (B(2), U, B(1)), (S, S, B(2)), (F(2, 2), F(2, 2), F(1, 2)), (F(4, 8), B(1), B(1)), (U, F(4, 4), F(5, 2))],
)
def test_cycles_are_those_of_the_simulation(tmp_path, foldings):
    net = random_accelerator((8, 12, 8, 5), zeros=0.6, activation_bits=2, weight_bits=3, input_bits=6)
    net = net.with_foldings({layer.name: folding for layer, folding in zip(net.layers, foldings)})
    told = estimate(net)
    generate(net, tmp_path)
    measured = Simulation.build(tmp_path).run(random_inputs(np.random.default_rng(0), 80, net.MW, net.idt))
    assert (told.ii_cycles, told.latency_cycles) == (measured.ii_cycles, measured.latency_cycles)
