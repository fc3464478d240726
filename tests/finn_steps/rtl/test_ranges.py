"""Networks whose inputs have ranges of their own, in every style: answers, rate and latency, and what a frame out of range does."""

import re
from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Accelerator, Folding, SparseLayer
from finn_steps.accelerator.simplify import simplify
from finn_steps.folding.cost import estimate
from finn_steps.folding.streams import input_stream
from finn_steps.rtl.bitplane import bitplane_core
from finn_steps.rtl.generate import generate
from finn_steps.rtl.unrolled import unrolled_core
from finn_steps.rtlsim import Simulation
from finn_steps.verification.stimulus import corner_inputs
from tests.nets import inputs_in_range, random_accelerator, with_ranges

STYLES = {
    "unrolled": [Folding()] * 3,
    "bitplane": [Folding("bitplane", digits=2)] * 3,
    "serial": [Folding("serial", max_cycles=14)] * 3,
    "folded": [Folding("folded", PE=3, SIMD=4), Folding("folded", PE=2, SIMD=2), Folding("folded", PE=1, SIMD=2)],
    "folded, one input a beat": [Folding("folded", PE=1, SIMD=1)] * 3,
    "mixed": [Folding("folded", PE=2, SIMD=2), Folding("bitplane"), Folding()],
}


def built(style, folder, seed=2):
    small = simplify(with_ranges(random_accelerator((10, 8, 6, 3), zeros=0.4, seed=seed), seed)).accelerator
    accelerator = small.with_foldings({layer.name: folding for layer, folding in zip(small.layers, STYLES[style])})
    generate(accelerator, folder)
    return accelerator, Simulation.build(folder)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_exact_at_the_rate_and_latency_of_the_estimate(style, tmp_path):
    accelerator, simulation = built(style, tmp_path)
    assert len(set(accelerator.layers[0].input_bits)) > 2
    x = np.concatenate([inputs_in_range(accelerator, 300), corner_inputs(accelerator)])
    result, expected = simulation.run(x), estimate(accelerator)
    assert np.array_equal(result.y, accelerator.execute(x))
    assert (result.ii_cycles, result.latency_cycles) == (expected.ii_cycles, expected.latency_cycles)
    assert np.array_equal(simulation.run(x, 0.4, 0.4, seed=3).y, accelerator.execute(x))


@pytest.mark.parametrize("style", STYLES)
def test_a_frame_out_of_range_harms_no_other(style, tmp_path):
    accelerator, simulation = built(style, tmp_path)
    x = inputs_in_range(accelerator, 400)
    stream, rng = input_stream(accelerator), np.random.default_rng(5)
    low, high = (-(1 << stream.bits - 1), (1 << stream.bits - 1) - 1) if stream.signed else (0, (1 << stream.bits) - 1)
    bad = rng.random(len(x)) < 0.3
    x[bad] = rng.integers(low, high, (int(bad.sum()), accelerator.MW), endpoint=True)
    first = accelerator.layers[0]
    assert np.mean(np.any((x < first.input_low) | (x > first.input_high), axis=1)) > 0.2
    for pauses in ((0.0, 0.0), (0.3, 0.3)):
        y = simulation.run(x, *pauses, seed=1).y
        assert y.shape == (len(x), accelerator.MH)
        assert np.array_equal(y[~bad], accelerator.execute(x)[~bad])


def narrow(bits, style="unrolled"):
    """A layer of signed inputs in 8-bit fields, with so many bits each."""
    rng = np.random.default_rng(1)
    weights, half = rng.choice([-3, -1, 1, 2], (6, len(bits))), [1 << width - 1 for width in bits]
    ranges = np.array([[-h for h in half], [h - 1 for h in half]])
    return SparseLayer("layer0", weights, np.zeros(6), None, "INT8", "INT16", Folding(style), ranges)


@pytest.mark.parametrize("style, generator", [("unrolled", unrolled_core), ("bitplane", bitplane_core)])
def test_nothing_is_built_for_bits_that_inputs_do_not_have(style, generator):
    """As large as with a datatype of just those bits, and the text names no other bit of x."""
    wide, own = narrow([4] * 6, style), replace(narrow([4] * 6, style), idt="INT4", input_range=None)
    a, b = generator([wide], "core"), generator([own], "core")
    assert (a.latency, a.ii, a.depth) == (b.latency, b.ii, b.depth) and a.counts == b.counts
    bus = "x" if style == "unrolled" else "held"
    named = re.findall(rf"\b{bus}\[(\d+)(?::(\d+))?\]", a.verilog)
    bits = {bit for high, low in named for bit in range(int(low or high), int(high) + 1)}
    assert bits == {8 * element + bit for element in range(6) for bit in range(4)}


def test_bit_planes_take_as_many_cycles_as_the_widest_input_has_bits():
    assert bitplane_core([narrow([3, 5, 2, 4, 1, 3], "bitplane")], "core").ii == 5


def test_one_shifted_digit_is_a_wire():
    """A row with one weight, a power of two, has no adder and no LUT, whatever its input's bits are."""
    weights = np.diag([1, 2, 8, 4])
    ranges = np.array([[0, 0, -4, -8], [7, 3, 3, 7]])
    layer = SparseLayer("layer0", weights, np.zeros(4), None, "INT8", "INT16", input_range=ranges)
    counts = unrolled_core([layer], "core").counts
    assert counts["columns"] == counts["functions"] == 0


def test_a_folded_frame_has_no_register_for_a_bit_that_an_input_does_not_have(tmp_path):
    layer = replace(narrow([4, 2, 8, 3, 4, 6]), folding=Folding("folded", PE=2, SIMD=2), bias=np.zeros(6))
    accelerator = Accelerator("narrow", (layer,), 6, np.arange(6))
    generate(accelerator, tmp_path)
    text = (tmp_path / "finn_accel.sv").read_text()
    for element, bits in enumerate(layer.input_bits):
        assert f"in_data[{8 * element}+:{bits}]" in text
