"""Words of fixed point in front of layers of every style: Verilator, emulator and proof against onnxruntime on every word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.emulator import Emulator
from finn_steps.importer.lower import import_model
from finn_steps.original.words import word_inputs
from finn_steps.proof.prove import prove
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from finn_steps.steps import answering, simplified_network
from finn_steps.verification.reference import Reference
from tests.qonnx_nets import Net, qonnx_net

NET = Net(widths=(5, 6, 3), input_bits=5, zeros=0.4)
FOLDINGS = {
    "unrolled": (Folding(), Folding(), Folding()),
    "bit planes": (Folding("bitplane", digits=2),) * 3,
    "serial": (Folding("serial", max_cycles=24),) * 3,
    "folded": (Folding("folded", PE=2, SIMD=1),) * 3,
    "unrolled before folded": (Folding(), Folding("folded", PE=2, SIMD=2), Folding("folded", PE=1, SIMD=3)),
    "labels, where nothing waits": (Folding(), Folding("bitplane"), Folding()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDINGS)
def test_every_word_through_every_style(tmp_path, name):
    imported, fixed = import_model(qonnx_net(NET, seed=3)), FixedInput.parse("9,4 8,3 9,2 7,3 9,4")
    built = simplified_network(imported, fixed)
    if "labels" in name:
        built = answering(replace(built, host_output=()), "label", "valid")
    built = built.with_foldings({layer.name: folding for layer, folding in zip(built.layers, FOLDINGS[name])})
    x = word_inputs(imported.accelerator, fixed, 2000)
    integers = Reference(imported).integers(x)
    expected = integers.argmax(1)[:, None] if "labels" in name else integers
    generate(built, tmp_path / "rtl")
    q = built.quantise(x)
    stalls = 0.0 if "labels" in name else 0.2
    assert np.array_equal(Simulation.build(tmp_path / "rtl", samples=len(q)).run(q, input_gaps=0.2, output_stalls=stalls, seed=1).y, expected)
    if Emulator.can(built):
        assert np.array_equal(Emulator(built).execute(q), expected)
    proof = prove(tmp_path / "rtl", built, 60)
    assert "fixed_input" in proof.proved or "folded" in name, proof.not_proved
