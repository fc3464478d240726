"""A short soak loses nothing and finds nothing; one of a design that answers wrongly says so."""

from dataclasses import replace

import numpy as np

from finn_steps.rtl.generate import generate
from tests.nets import random_accelerator, random_inputs
from tests.soak import soak


def test_soak(tmp_path):
    accelerator = random_accelerator(widths=(5, 4, 3), seed=3)
    generate(accelerator, tmp_path)
    seen = random_inputs(np.random.default_rng(1), 50, 5, accelerator.idt)
    found = soak(tmp_path, accelerator, seen, 800, 60, frames=200)
    assert (found.samples, found.mismatches, found.lost) == (800, 0, 0)
    assert found.resets == 16 and found.cycles >= 800
    last = accelerator.layers[-1]
    other = replace(accelerator, layers=(*accelerator.layers[:-1], replace(last, bias=last.bias + np.array([0, 1, 0]))))
    assert soak(tmp_path, other, seen, 400, 60, frames=200).mismatches == 400
    assert soak(tmp_path, accelerator, seen, 400, 0, frames=200).samples == 0
