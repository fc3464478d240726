"""Modules that are compiled by themselves: which they are, that they simulate alike, and that a changed one is compiled alone."""

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation, blocks, compiler, objects
from finn_steps.rtlsim.blocks import part
from finn_steps.rtlsim.stand_in import Port, ports_of
from tests.nets import random_accelerator, random_inputs

TOP = """module top (input wire logic clk, input wire logic [7:0] x, output logic [7:0] y);
  sum a (
      .x(x)
  );
  same b (
      .x(x)
  );
  folded_lanes #(
      .SIMD(4),
      .FILE("w.mem")
  ) c (
      .x(x)
  );
  folded_lanes #(
      .SIMD(5),
      .FILE("w.mem")
  ) sum_d (
      .x(x)
  );
endmodule
"""
FILES = {"cell.sv": "module cell; endmodule", "sum.sv": "module sum; cell a (); endmodule", "same.sv": "module same; cell a (); endmodule",
         "folded_lanes.sv": "module folded_lanes; endmodule", "other.sv": "module other; endmodule", "top.sv": TOP}


def two_layers(style="bitplane", products="lut", PE=2):  # noqa: N803
    """A layer as a core, and a folded one of a few elements."""
    net = random_accelerator((6, 8, 4), seed=0)
    return net.with_foldings({"layer0": Folding(style), "layer1": Folding("folded", PE=PE, SIMD=2, products=products)})


def test_equal_modules_are_one_block(monkeypatch):
    monkeypatch.setattr(blocks, "LEAST", 100)
    monkeypatch.setattr(blocks, "LANE", 22)
    parts = part(FILES, "top")
    assert [(dict(block.parameters), block.instances) for block in parts.blocks] == [({}, 2), ({"SIMD": "5", "FILE": '"w.mem"'}, 1)]
    assert dict(parts.blocks[0].files) == {"cell.sv": FILES["cell.sv"], "block.sv": "module block; cell a (); endmodule"}
    told = parts.files["top.sv"]
    assert [line for line in told.splitlines() if "block" in line] == ["  block0 a (", "  block0 b (", "  block1 sum_d ("]
    assert 'folded_lanes #(\n      .SIMD(4),\n      .FILE("w.mem")\n  ) c (' in told
    assert set(parts.files) == {"folded_lanes.sv", "top.sv"}


@pytest.mark.parametrize("least", [2 * 320, 10**9])
def test_one_large_module_alone_is_none(monkeypatch, least):
    monkeypatch.setattr(blocks, "LEAST", least)
    monkeypatch.setattr(blocks, "LANE", 1)
    files = {**FILES, "sum.sv": FILES["sum.sv"] * 20, "same.sv": "module same; endmodule"}
    assert part(files, "top") == blocks.Parts(files, ())


def test_ports_are_those_that_verilator_writes_out():
    text = "module b01 (\n  input logic clk\n  , input logic [1279:0]  x\n  , input logic start\n  , output logic [11:0]  y\n    );"
    assert ports_of(text) == [Port("input", 1280, "x"), Port("input", 1, "start"), Port("output", 12, "y")]
    with pytest.raises(ValueError, match="without an input clk"):
        ports_of(text.replace("clk", "clock"))


def changed_in_one_weight(net):
    weights = net.layers[0].weights.copy()
    weights[tuple(np.argwhere(weights)[3])] *= -1
    return replace(net, layers=(replace(net.layers[0], weights=weights), net.layers[1]))


def test_a_changed_layer_is_compiled_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "LEAST", 10_000)
    verilated, compiled, verilate = [], [], compiler.verilate
    monkeypatch.setattr(compiler, "verilate", lambda folder, prefix, top, files, *rest: [
        verilated.append(sorted(files)), verilate(folder, prefix, top, files, *rest)][1])

    def no_compiler(arguments, folder=tmp_path):
        compiled.append(arguments)
        (folder / arguments[-1]).write_text("")

    monkeypatch.setattr(objects, "run_compiler", no_compiler)
    for name, net in (("first", two_layers()), ("second", changed_in_one_weight(two_layers()))):
        generate(net, tmp_path / name)
        Simulation.build(tmp_path / name, tmp_path / "cache")
        counts, verilated, compiled = (verilated, [arguments for arguments in compiled if "-c" in arguments]), [], []
        assert [len(each) for each in counts] == {"first": [4, 5], "second": [1, 1]}[name], "core, lanes, sum, the rest (and the library)"
    assert counts[0] == [["block.sv"]]


@pytest.mark.slow
@pytest.mark.parametrize("folding", [{}, {"style": "unrolled", "products": "dsp"}, {"style": "serial", "PE": 1}])
def test_blocks_run_as_the_whole_does(tmp_path, monkeypatch, folding):
    net = two_layers(**folding)
    generate(net, tmp_path / "rtl")
    x = random_inputs(np.random.default_rng(0), 40, net.MW, net.idt)
    traces = []
    for least in (10_000, 10**9):
        monkeypatch.setattr(blocks, "LEAST", least)
        simulation = Simulation.build(tmp_path / "rtl", tmp_path / f"cache{least}")
        assert np.array_equal(simulation.run(x).y, net.execute(x))
        traces.append(simulation.trace(x, 0.3, 0.3, seed=4, resets=(50, 90)))
    apart, whole = traces
    assert apart.cycles == whole.cycles
    assert all(np.array_equal(getattr(apart, name), getattr(whole, name)) for name in ("y", "given", "taken"))
    assert np.array_equal(apart.y, net.execute(x))
