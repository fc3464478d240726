"""What Yosys makes of a design answers as its integers say: the mapped netlist, in Verilator, with Yosys' models of the cells."""

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.rtl import generate as generate_module
from finn_steps.rtl import pipeline
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from finn_steps.verification.stimulus import corner_inputs
from tests.mapped import mapped_design
from tests.nets import random_accelerator, random_inputs

STYLES = {
    "unrolled": Folding(),
    "bitplane": Folding("bitplane", digits=2),
    "serial": Folding("serial", max_cycles=12),
    "folded": Folding("folded", PE=2, SIMD=2),
    "folded-dsp": Folding("folded", PE=2, SIMD=2, products="dsp"),
}


MODELLED = [(style, family) for style in STYLES for family in ("xc7", "xcup") if (style, family) != ("folded-dsp", "xcup")]
"""Yosys has no simulation model of DSP48E2."""


@pytest.mark.slow
@pytest.mark.parametrize("style, family", MODELLED)
def test_mapped_netlist_gives_the_integers(tmp_path, style, family):
    accelerator = random_accelerator(widths=(8, 6, 5, 3), zeros=0.4, seed=6)
    accelerator = replace(accelerator, layers=tuple(replace(layer, folding=STYLES[style]) for layer in accelerator.layers))
    generate(accelerator, tmp_path / "rtl")
    check(accelerator, tmp_path, family, dsp=style == "folded-dsp")


@pytest.mark.slow
def test_a_mapped_netlist_of_tables_gives_the_integers(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "MANY", 1)
    monkeypatch.setattr(generate_module, "kept_core", lambda make, *given: make(*given))
    accelerator = random_accelerator(widths=(8, 6, 5, 3), zeros=0.4, seed=6)
    generate(accelerator, tmp_path / "rtl")
    assert any(path.read_text().count("localparam logic [31:0]") > 5 for path in (tmp_path / "rtl").glob("*_core.sv"))
    check(accelerator, tmp_path, "xc7")


def check(accelerator, folder, family, dsp=False):
    """The design in `folder`/rtl, mapped: the kinds of its cells, and its answers."""
    netlist = mapped_design(folder / "rtl", folder / "mapped", family)
    cells = (netlist.folder / "mapped.v").read_text()
    assert "LUT" in cells and "FDRE" in cells and ("DSP48" in cells) == dsp
    x = np.concatenate([corner_inputs(accelerator), random_inputs(np.random.default_rng(2), 400, 8, accelerator.idt)])
    y, simulation = accelerator.execute(x), Simulation.build(netlist.folder)
    for gaps, stalls, resets in ((0, 0, ()), (0.4, 0.4, ()), (0.3, 0.3, (61, 200))):
        assert np.array_equal(simulation.trace(x, gaps, stalls, seed=3, resets=resets).y, y)


@pytest.mark.slow
def test_a_wrong_cell_is_seen(tmp_path):
    accelerator = random_accelerator(widths=(6, 4), zeros=0.3, seed=2)
    generate(accelerator, tmp_path / "rtl")
    netlist = mapped_design(tmp_path / "rtl", tmp_path / "mapped", "xc7")
    text = (netlist.folder / "mapped.v").read_text()
    (netlist.folder / "mapped.v").write_text(text.replace("LUT6 #(\n    .INIT(64'h", "LUT6 #(\n    .INIT(~64'h", 1))
    assert (netlist.folder / "mapped.v").read_text() != text
    x = random_inputs(np.random.default_rng(2), 300, 6, accelerator.idt)
    try:
        y = Simulation.build(netlist.folder).trace(x, patience=5_000).y
    except RuntimeError:
        return
    assert not np.array_equal(y, accelerator.execute(x))
