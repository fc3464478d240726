"""The netlist of cells that Yosys maps a design to does what the design does, under all inputs for ever: proved (tests/equivalent.py)."""

import re
from dataclasses import replace

import pytest

from finn_steps.rtl.generate import generate
from tests.census import _named
from tests.equivalent import equivalence
from tests.finn_steps.synthesis.test_mapped import STYLES
from tests.mapped import as_configured, mapped_design
from tests.nets import random_accelerator


def mapped(accelerator, place, family="xc7"):
    generate(accelerator, place / "rtl")
    netlist = mapped_design(place / "rtl", place / "mapped", family)
    as_configured(netlist)
    return place / "rtl", netlist.folder


@pytest.mark.slow
@pytest.mark.parametrize("name, family", [("jet_qap", "xc7"), ("jet_qap_small", "xc7"), ("jet_qap", "xcup")])
def test_shipped_networks(tmp_path, name, family):
    """As they are built by name."""
    found = equivalence(*mapped(_named(name)[0], tmp_path, family))
    assert found.proved, found


@pytest.mark.slow
@pytest.mark.parametrize("style", ["bitplane", "serial"])
def test_styles(tmp_path, style):
    accelerator = random_accelerator(widths=(8, 6, 5, 3), zeros=0.4, seed=6)
    accelerator = replace(accelerator, layers=tuple(replace(layer, folding=STYLES[style]) for layer in accelerator.layers))
    found = equivalence(*mapped(accelerator, tmp_path))
    assert found.proved, found


@pytest.mark.slow
def test_a_changed_bit_of_a_table_is_seen(tmp_path):
    emitted, netlist = mapped(random_accelerator(widths=(6, 4, 3), zeros=0.4, seed=2), tmp_path)
    assert equivalence(emitted, netlist).proved
    right = (netlist / "mapped.v").read_text()
    table = re.search(r"LUT6 #\(\s*\.INIT\(64'h([0-9a-f]+)\)", right)
    (netlist / "mapped.v").write_text(f"{right[: table.start(1)]}{int(table[1], 16) ^ 1 << 21:016x}{right[table.end(1):]}")
    assert not equivalence(emitted, netlist).proved
