"""The netlist of cells that Yosys maps a design to does what the design does, under all inputs for ever: proved (tests/equivalent.py)."""

import re

import pytest

from finn_steps.rtl.generate import generate
from tests.census import _named
from tests.equivalent import equivalence
from tests.mapped import as_configured, mapped_design
from tests.nets import random_accelerator


def mapped(accelerator, place):
    generate(accelerator, place / "rtl")
    netlist = mapped_design(place / "rtl", place / "mapped", "xc7")
    as_configured(netlist)
    return place / "rtl", netlist.folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jet_qap", "jet_qap_small"])
def test_shipped_networks(tmp_path, name):
    """As they are built by name, for 7 series."""
    found = equivalence(*mapped(_named(name)[0], tmp_path))
    assert found.proved, found


@pytest.mark.slow
def test_a_changed_bit_of_a_table_is_seen(tmp_path):
    emitted, netlist = mapped(random_accelerator(widths=(6, 4, 3), zeros=0.4, seed=2), tmp_path)
    assert equivalence(emitted, netlist).proved
    right = (netlist / "mapped.v").read_text()
    table = re.search(r"LUT6 #\(\s*\.INIT\(64'h([0-9a-f]+)\)", right)
    (netlist / "mapped.v").write_text(f"{right[: table.start(1)]}{int(table[1], 16) ^ 1 << 21:016x}{right[table.end(1):]}")
    assert not equivalence(emitted, netlist).proved
