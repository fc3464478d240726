"""Labels instead of accumulators: the same choice as the model's own outputs, in the integers and in hardware."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.accelerator.host import HostOp
from finn_steps.accelerator.label import labelling, with_label
from finn_steps.emulator import Emulator
from finn_steps.finn.transformation.host_ends import read_host_ends
from finn_steps.finn.transformation.integer_graph import integer_graph
from finn_steps.folding.streams import output_stream, save_accelerator
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.nets import random_accelerator, random_inputs

SHIFTS = np.array([0.15625, 0.041, -0.140625, 0.297, 0.041], np.float32)


def network(*host_output: HostOp, seed=3, widths=(8, 12, 5)) -> Accelerator:
    accelerator = random_accelerator(widths, input_bits=3, activation_bits=2, seed=seed)
    return replace(accelerator, host_output=host_output or (HostOp("mul", np.float32(2.0**-5)), HostOp("add", SHIFTS)))


def exact_choice(integers: np.ndarray, scale: float, shifts: np.ndarray) -> np.ndarray:
    """The first greatest of scale * integer + shift, in rationals."""
    values = [[Fraction(scale) * int(v) + Fraction(float(s)) for v, s in zip(row, shifts)] for row in integers]
    return np.array([row.index(max(row)) for row in values])[:, None]


def test_the_label_is_the_first_greatest_output_shifts_and_ties_included():
    accelerator = network()
    x = random_inputs(np.random.default_rng(0), 3000, 8, accelerator.idt)
    expected = exact_choice(accelerator.execute(x), 2.0**-5, SHIFTS)
    made = with_label(accelerator)
    assert np.array_equal(made.execute(x), expected)
    assert np.array_equal(labelling(accelerator).labels(accelerator.execute(x)), expected)
    assert np.array_equal(Emulator(made).execute(x), expected)
    assert (made.odt, made.MH, output_stream(made).bytes, made.host_output) == ("UINT3", 1, 1, ())


@pytest.mark.parametrize("fractions", [(0.5, 0.25), (0.25, 0.5), (0.5, 0.5), (-0.5, 0.5)])
def test_of_equal_sums_the_greater_fraction_wins_then_the_first(fractions):
    accelerator = network(HostOp("add", np.array(fractions, np.float32)), widths=(8, 12, 2))
    integers = np.array([[a, b] for a in range(-3, 4) for b in range(-3, 4)])
    assert np.array_equal(labelling(accelerator).labels(integers), exact_choice(integers, 1.0, np.array(fractions)))


@pytest.mark.parametrize("scales", [(2.0**-5, 2.0**-3, 2.0**-5, 2.0**-4, 2.0**-5), (0.3, np.float32(0.3) * 4, 0.3, 0.3, np.float32(0.3) * 2)])
def test_scales_that_are_whole_multiples_of_one(scales):
    accelerator = network(HostOp("mul", scales), HostOp("add", SHIFTS))
    x = random_inputs(np.random.default_rng(0), 3000, 8, accelerator.idt)
    exact = [[Fraction(float(s)) * int(v) + Fraction(float(c)) for v, s, c in zip(row, np.float32(scales), SHIFTS)] for row in accelerator.execute(x)]
    expected = np.array([row.index(max(row)) for row in exact])[:, None]
    assert np.array_equal(with_label(accelerator).execute(x), expected)
    assert np.array_equal(labelling(accelerator).labels(accelerator.execute(x)), expected)


def test_an_output_that_never_changes_may_have_any_scale():
    accelerator = network(HostOp("mul", [0.3, 1.0, 0.3, 0.3, 0.3]), HostOp("add", SHIFTS))
    last, weights = accelerator.layers[-1], accelerator.layers[-1].weights.copy()
    weights[1] = 0
    accelerator = replace(accelerator, layers=(*accelerator.layers[:-1], replace(last, weights=weights)))
    x = random_inputs(np.random.default_rng(0), 3000, 8, accelerator.idt)
    scales = np.float32([0.3, 1.0, 0.3, 0.3, 0.3])
    exact = [[Fraction(float(s)) * int(v) + Fraction(float(c)) for v, s, c in zip(row, scales, SHIFTS)] for row in accelerator.execute(x)]
    assert np.array_equal(with_label(accelerator).execute(x)[:, 0], [row.index(max(row)) for row in exact])


@pytest.mark.parametrize("scales", [(0.3, 0.5, 0.3, 0.3, 0.3), (-1.0, 1, 1, 1, 1), (1.0, 2**13, 1, 1, 1)])
def test_other_scales_are_refused(scales):
    with pytest.raises(ValueError, match="a label needs one positive scale for all outputs"):
        with_label(network(HostOp("mul", scales)))


FOLDINGS = {
    "unrolled": [Folding()] * 2, "registers": [Folding(registers_every=4)] * 2, "bitplane": [Folding("bitplane", digits=1)] * 2,
    "folded": [Folding("folded", 4, 2), Folding("folded", 5, 3)], "folded slowly": [Folding("folded", 1, 1)] * 2,
    "mixed": [Folding("folded", 3, 4), Folding()],
}


@pytest.mark.parametrize("name", FOLDINGS)
def test_hardware_answers_with_the_label_under_any_stall(tmp_path, name):
    accelerator = with_label(network())
    accelerator = accelerator.with_foldings({layer.name: f for layer, f in zip(accelerator.layers, FOLDINGS[name])})
    generate(accelerator, tmp_path / "rtl")
    simulation = Simulation.build(tmp_path / "rtl")
    x = random_inputs(np.random.default_rng(1), 500, 8, accelerator.idt)
    for gaps, stalls in ((0.0, 0.0), (0.3, 0.4)):
        assert np.array_equal(simulation.run(x, input_gaps=gaps, output_stalls=stalls, seed=2).y, accelerator.execute(x))


def test_the_labels_survive_files_and_the_finn_graph(tmp_path):
    accelerator = with_label(network())
    save_accelerator(accelerator, tmp_path)
    assert Accelerator.load(tmp_path).sha256 == accelerator.sha256 != network().sha256
    assert np.array_equal(read_host_ends(integer_graph(accelerator)).labels, accelerator.labels)


BAD = {
    "two outputs or more": network(HostOp("mul", np.float32(0.5)), widths=(8, 12, 1)),
    "one positive scale": network(HostOp("mul", np.array([1, 1, 1.5, 1, 1], np.float32))),
    "one positive scale for": network(HostOp("mul", np.float32(-1))),
    "ends in 'relu'": network(HostOp("relu")),
}


@pytest.mark.parametrize("said", BAD)
def test_what_a_label_cannot_stand_for_is_refused(said):
    with pytest.raises(ValueError, match=said):
        with_label(BAD[said])


def test_labels_must_name_every_row_once():
    with pytest.raises(ValueError, match="labels must be 0 to 4"):
        replace(network(), labels=np.array([0, 1, 2, 3, 3]))
