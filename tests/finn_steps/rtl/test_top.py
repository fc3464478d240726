"""The top module's handshake, with a plain stand-in for the cores: any latency, any II, under stalls and resets."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.rtl import generate as generate_module
from finn_steps.rtl.design import Design
from finn_steps.rtl.generate import LIBRARY, generate
from finn_steps.rtlsim import Simulation
from finn_steps.rtlsim.verilator import lint
from tests.finn_steps.rtl.plain_core import plain_core
from tests.nets import random_accelerator, random_inputs


@pytest.fixture
def net():
    return random_accelerator((5, 7, 3), weight_bits=3, activation_bits=2, zeros=0.5, seed=3, input_bits=3)


@pytest.mark.parametrize("module", sorted(path.stem for path in LIBRARY.glob("*.sv")))
def test_library_modules_lint_alone(module):
    assert lint([LIBRARY / f"{module}.sv"], module, library=LIBRARY) == ""


@pytest.mark.parametrize("latency, ii", [(0, 1), (1, 1), (7, 1), (5, 4), (3, 9)])
def test_full_rate_and_exact_under_any_stall(net, tmp_path, monkeypatch, latency, ii):
    monkeypatch.setattr(generate_module, "make_core", lambda style, layers, module, labels: plain_core(latency, ii)(layers, module))
    style = "unrolled" if ii == 1 else "bitplane"
    net = net.with_foldings({layer.name: Folding(style=style) for layer in net.layers})
    generate(net, tmp_path)
    simulation = Simulation.build(tmp_path)
    x = random_inputs(np.random.default_rng(1), 300, net.MW, net.idt)
    expected = net.execute(x)
    free = simulation.run(x)
    assert np.array_equal(free.y, expected)
    assert free.latency_cycles == latency + 1
    assert free.ii_cycles == ii
    for gaps, stalls in [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (0.05, 0.9), (0.9, 0.05)]:
        assert np.array_equal(simulation.run(x, gaps, stalls, seed=7).y, expected), (gaps, stalls)
    for resets in [(1,), (latency + 2,), (50, 57), (131,)]:
        assert np.array_equal(simulation.trace(x, 0.3, 0.3, seed=2, resets=resets).y, expected), resets
    assert np.array_equal(simulation.run(x[:1]).y, expected[:1])


def test_bipolar_output_is_one_bit(net, tmp_path, monkeypatch):
    monkeypatch.setattr(generate_module, "make_core", lambda style, layers, module, labels: plain_core(2)(layers, module))
    last = replace(net.layers[-1], thresholds=np.array([[-3], [0], [2]]), odt="BIPOLAR")
    net = replace(net, layers=(*net.layers[:-1], last))
    design = generate(net, tmp_path)
    assert design.output_stream.bytes == 1
    x = random_inputs(np.random.default_rng(1), 100, net.MW, net.idt)
    assert np.array_equal(Simulation.build(tmp_path).run(x).y, net.execute(x))


def test_files_of_an_earlier_design_go(net, tmp_path, monkeypatch):
    monkeypatch.setattr(generate_module, "make_core", lambda style, layers, module, labels: plain_core(2)(layers, module))
    generate(net, tmp_path)
    renamed = replace(net, layers=tuple(replace(layer, name=f"0-{layer.name}/é") for layer in net.layers))
    (tmp_path / "notes.txt").write_text("mine")
    design = generate(renamed, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*design.files, "filelist.f", "design.json", "notes.txt"}
    assert Design.load(tmp_path) == design
    assert (tmp_path / "filelist.f").read_text().split() == list(design.files)
    assert json.loads((tmp_path / "design.json").read_text())["input_stream"]["elements"] == net.MW
    assert lint([tmp_path / name for name in design.files], design.top) == ""


def test_library_modules_elaborate_in_yosys():
    modules = sorted(path.stem for path in LIBRARY.glob("*.sv"))
    commands = [*(f"read_verilog -sv -defer {module}.sv" for module in modules), "design -save library"]
    for module in modules:
        commands += ["design -load library", f"hierarchy -check -top {module}", "proc -noopt", "check -assert"]
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(line, d) for line in sys.argv[1:]]"
    done = subprocess.run([sys.executable, "-c", code, *commands], cwd=LIBRARY, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-1000:]
