"""The estimate against what the RTL simulation measures: cycles are the same, style by style and mixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.accelerator.fixed_input import with_fixed_input
from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.accelerator.host import HostOp
from finn_steps.folding.cost import estimate
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.nets import random_accelerator, random_inputs

U = Folding()
S = Folding("serial", max_cycles=13)


def B(digits):  # noqa: N802
    return Folding("bitplane", digits=digits)


def F(PE, SIMD):  # noqa: N802, N803
    return Folding("folded", PE, SIMD)


@pytest.mark.parametrize(
    "foldings",
    [(U, U, U), (B(2), U, B(1)), (S, S, B(2)), (B(3), S, S), (F(3, 2), S, S), (F(2, 2), F(2, 2), F(1, 2)), (F(4, 8), B(1), B(1)),
     (U, F(4, 4), F(5, 2))],
)
def test_cycles_are_those_of_the_simulation(tmp_path, foldings):
    net = random_accelerator((8, 12, 8, 5), zeros=0.6, activation_bits=2, weight_bits=3, input_bits=6)
    told_is_measured(net, foldings, tmp_path)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_core_keeps_its_rate_before_a_folded_layer(tmp_path, seed):
    """The folded layer leaves an answer where it is for two cycles: with latencies of some remainders (seeds 1 and 2) that takes
    a credit more."""
    net = random_accelerator((6, 8, 5), zeros=0.3, activation_bits=3, input_bits=4, seed=seed)
    assert told_is_measured(net, (B(1), F(5, 2)), tmp_path).ii_cycles == 4


def test_a_frame_in_one_beat_is_taken_after_the_start(tmp_path):
    net = random_accelerator((7, 12, 4), zeros=0.5, activation_bits=3, input_bits=4)
    told_is_measured(net, (F(12, 4), U), tmp_path)


def test_input_beats_are_those_of_the_slowest_folded_layer(tmp_path):
    net = random_accelerator((12, 10, 6), zeros=0.3, activation_bits=3, input_bits=4)
    told_is_measured(net, (F(5, 6), F(1, 2)), tmp_path)


def test_a_core_behind_others_is_ready_after_a_reset(tmp_path):
    """Bit planes pace their frames after a reset too, which is no part of a frame's latency."""
    net = random_accelerator((10, 6, 4), zeros=0.3, weight_bits=2, activation_bits=5)
    told_is_measured(net, (Folding(registers_every=4), S), tmp_path)


def test_rows_that_leave_in_their_own_order_are_not_collected(tmp_path):
    net = random_accelerator((9, 7, 6), zeros=0, weight_bits=4, activation_bits=3)
    told_is_measured(net, (F(1, 2), F(1, 3)), tmp_path)


def test_beats_in_their_own_order_that_do_not_make_those_of_the_answer(tmp_path):
    """Three rows at once, an answer in beats of two."""
    net = random_accelerator((6, 12), weight_bits=6, input_bits=2, zeros=0, scales="float")
    told_is_measured(net, (F(9, 2),), tmp_path)


def told_is_measured(net, foldings, tmp_path):
    """The estimate, after II and latency have been found equal to the simulation's."""
    net = net.with_foldings({layer.name: folding for layer, folding in zip(net.layers, foldings)})
    told = estimate(net)
    generate(net, tmp_path)
    measured = Simulation.build(tmp_path).run(random_inputs(np.random.default_rng(0), 80, net.MW, net.idt))
    assert (told.ii_cycles, told.latency_cycles) == (measured.ii_cycles, measured.latency_cycles)
    return told


def test_the_input_end_has_its_own_share():
    """One nonzero for each input, and yet most of what a small network takes."""
    network = random_accelerator((6, 4, 2), zeros=0.7)
    network = replace(network, host_input=(HostOp("mul", np.random.default_rng(0).uniform(0.3, 3, 6)), *network.host_input))
    fixed = with_fixed_input(network, FixedInput.parse("12,4"))
    first, *others = estimate(fixed).layers
    assert first.lut > 1.5 * sum(layer.lut for layer in others)
    assert abs(first.lut + estimate(network).lut - estimate(fixed).lut) < 0.25 * estimate(fixed).lut
