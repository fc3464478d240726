"""Layers apart: each is the layer that the whole has, and the sum is near the whole's count."""

from functools import partial

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.accelerator.label import with_label
from finn_steps.folding.cost import estimate
from finn_steps.synthesis.by_layer import by_layer, counted, layer_alone
from finn_steps.synthesis.yosys import SynthesisResult, synthesise
from tests.nets import random_accelerator, random_inputs

STYLES = {"unrolled": Folding(), "bitplane": Folding("bitplane", digits=2), "folded": Folding("folded", PE=2, SIMD=1)}


def net(style="unrolled", widths=(8, 6, 5, 4)):
    accelerator = random_accelerator(widths, zeros=0.5, seed=2)
    return accelerator.with_foldings({layer.name: STYLES[style] for layer in accelerator.layers})


def test_the_layers_one_after_the_other_are_the_whole():
    whole = with_label(net())
    x = y = random_inputs(np.random.default_rng(0), 200, 8, whole.idt)
    for place in range(3):
        y = layer_alone(whole, place).execute(y)
    assert np.array_equal(y, whole.execute(x))


@pytest.mark.parametrize("style", STYLES)
def test_where_the_cost_model_is_right_the_sum_is_the_whole(style):
    """Counts that are the cost model's own: all that is added for joins must go again."""
    whole = net(style)
    told = iter([estimate(layer_alone(whole, place)) for place in range(3)])

    def count(folder):
        one = next(told)
        assert (folder / "filelist.f").is_file()
        return SynthesisResult(one.lut, one.ff, 1, one.dsp, one.bram, 0, 3, "the cost model")

    found, expected = by_layer(whole, count), estimate(whole)
    assert (found.lut, found.ff, found.bram, found.dsp, found.carry) == (expected.lut, expected.ff, expected.bram, expected.dsp, 3)
    assert list(found.layers) == ["layer0", "layer1", "layer2"]


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_yosys_counts_the_whole_as_stated(style):
    whole, count = net(style, (16, 32, 24, 5)), partial(synthesise, family="xc7")
    found = by_layer(whole, count)
    assert found.lut == pytest.approx(counted(whole, count).lut, rel=found.error)
