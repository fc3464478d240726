"""When each layer works, held to what the generators and the ports say of it."""

import re

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from finn_steps.rtlsim.activity import Work, activity, changes, core_parts, works_of
from tests.nets import random_accelerator, random_inputs

VCD = """$timescale 1ps $end
$scope module TOP $end
 $var wire 1 ! ap_clk $end
 $scope module finn_accel $end
  $scope module a_pipeline $end
   $var wire 4 # n0 [3:0] $end
   $var wire 1 $ n1 $end
   $var wire 1 % n1_1 $end
   $var wire 1 $ n2 $end
  $upscope $end
 $upscope $end
$upscope $end
$enddefinitions $end
#0
b0000 #
0$
0%
#3
b0001 #
#5
1$
1%
#11
b0010 #
#12
0$
"""


def test_changes_of_a_vcd_are_told_for_every_name_of_a_signal():
    assert list(changes(VCD.splitlines(True))) == [
        (3, "a_pipeline", "n0"), (5, "a_pipeline", "n1"), (5, "a_pipeline", "n2"), (5, "a_pipeline", "n1_1"), (11, "a_pipeline", "n0"),
        (12, "a_pipeline", "n1"), (12, "a_pipeline", "n2")]


def test_a_layer_works_from_its_first_to_its_last_change_over_all_frames():
    parts = list(core_parts("    // first: n0 to n0\n    // second: n1 to n2\n", "a_pipeline"))
    times = np.array([[3, 7], [10, 14]])
    assert works_of(changes(VCD.splitlines(True)), parts, times) == (Work("first", 0, 1), Work("second", 2, 2))


STYLES = {"unrolled": [Folding()] * 3, "bitplane": [Folding("bitplane")] * 3,
          "mixed": [Folding("folded", PE=3, SIMD=2), Folding("bitplane", digits=2), Folding()]}


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_schedule(style, tmp_path):
    """The latency is that of the ports; bit planes read and capture in the cycles that their generator planned; an unrolled last layer ends
    as its pipeline does, and layers begin in their order."""
    network = random_accelerator((10, 12, 8, 4), seed=3)
    built = network.with_foldings({layer.name: folding for layer, folding in zip(network.layers, STYLES[style])})
    generate(built, tmp_path / "rtl")
    x = random_inputs(np.random.default_rng(0), 12, 10, built.idt)
    seen, ports = activity(tmp_path / "rtl", x), Simulation.build(tmp_path / "rtl").run(x)
    works = {work.name: work for work in seen.works}
    assert seen.latency_cycles == ports.latency_cycles
    layers = [works[layer.name] for layer in built.layers]
    assert [work.first for work in layers] == sorted(work.first for work in layers) and layers[-1].last < seen.latency_cycles
    planned = [re.findall(r"// (\w+): read in \d+ cycles from (\d+), added in \d+, captured in (\d+)", path.read_text())
               for path in sorted((tmp_path / "rtl").glob("*_core.sv"))]
    for name, first, last in sum(planned, []):
        begun = works[name].first if style == "bitplane" else works[name].first - works[built.layers[1].name].first + int(first)
        assert (begun, works[name].last - works[name].first) == (int(first), int(last) - int(first))
    if style == "unrolled":
        latency = int(re.search(r"\.LATENCY\((\d+)\)", (tmp_path / "rtl" / "finn_accel.sv").read_text())[1])
        assert layers[0].first == 0 and layers[-1].last == latency - 1
