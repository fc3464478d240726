"""The simulator finds what is wrong with a stream: each fault is in a small design written for it."""

import re
from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Folding
from finn_steps.accelerator.stream import StreamFormat
from finn_steps.rtl.design import TOP, Design
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation, compiler, objects
from tests.nets import random_accelerator, random_inputs

GOOD = {"valid": "full", "last": "last", "data": "data", "ready": "!full || m_axis_0_tready"}


def design(folder, elements=3, bits=23, **faults):
    """A register slice that gives what it takes, wide beats of odd width; `faults` replaces some of its expressions."""
    signals = {**GOOD, **faults}
    stream = StreamFormat(elements, bits, True, elements)
    width = 8 * stream.bytes
    folder.mkdir(exist_ok=True)
    (folder / f"{TOP}.sv").write_text(f"""
module {TOP} (
    input wire logic ap_clk, input wire logic ap_rst_n,
    input wire logic [{width - 1}:0] s_axis_0_tdata, input wire logic s_axis_0_tvalid, output logic s_axis_0_tready,
    input wire logic s_axis_0_tlast,
    output logic [{width - 1}:0] m_axis_0_tdata, output logic m_axis_0_tvalid, input wire logic m_axis_0_tready,
    output logic m_axis_0_tlast);
  logic full, last;
  logic [{width - 1}:0] data;
  logic [9:0] cycle;
  always_ff @(posedge ap_clk) begin
    cycle <= ap_rst_n ? cycle + 1 : 0;
    if (s_axis_0_tready) data <= s_axis_0_tdata;
    if (s_axis_0_tready) last <= s_axis_0_tlast;
    if (!ap_rst_n) full <= 0; else if (s_axis_0_tready) full <= s_axis_0_tvalid;
  end
  assign m_axis_0_tvalid = {signals["valid"]};
  assign m_axis_0_tlast = {signals["last"]};
  assign m_axis_0_tdata = {signals["data"]};
  assign s_axis_0_tready = {signals["ready"]};
endmodule
""")
    made = Design(folder, (f"{TOP}.sv",), (), stream, stream, ii=1)
    made.save()
    return made


def frames(rng, count, elements, bits):
    return rng.integers(-(1 << bits - 1), 1 << bits - 1, (count, elements))


@pytest.mark.parametrize("elements, bits", [(1, 5), (2, 16), (3, 23), (5, 29)])
def test_beats_of_any_width(tmp_path, elements, bits):
    simulation = Simulation.build(design(tmp_path / "a folder", elements, bits).folder)
    x = frames(np.random.default_rng(0), 500, elements, bits)
    free = simulation.run(x)
    assert np.array_equal(free.y, x)
    assert (free.latency_cycles, free.ii_cycles) == (1, 1.0)
    assert np.array_equal(simulation.run(x, 0.4, 0.4, seed=5).y, x)


@pytest.mark.parametrize(
    "fault, message",
    [
        ({"valid": "full && cycle < 40"}, "hung: 200 of 200 input beats taken, 39 of 200 output beats given"),
        (
            {"valid": "full && cycle[3:0] != 0", "ready": "!full || (m_axis_0_tready && m_axis_0_tvalid)"},
            "tvalid fell before tready",
        ),
        ({"data": "data ^ cycle"}, "changed while it waited"),
        ({"last": "1'b0"}, "tlast is missing at output beat 199"),
        ({"last": "last || cycle == 30"}, "tlast came early"),
        ({"valid": "full || cycle[9:5] == 20"}, "more output than 200 frames"),
        ({"valid": "full || !ap_rst_n"}, "high in reset"),
    ],
)
def test_faults_are_named(tmp_path, fault, message):
    simulation = Simulation.build(design(tmp_path, **fault).folder)
    x = frames(np.random.default_rng(0), 200, 3, 23)
    with pytest.raises(RuntimeError, match=message):
        for seed in range(5):
            simulation.trace(x, output_stalls=0.3 * (seed > 0), seed=seed, patience=2000)


def test_rejected_rtl_is_one_line(tmp_path):
    with pytest.raises(RuntimeError, match="Verilator rejects .*finn_accel.sv") as caught:
        Simulation.build(design(tmp_path, valid="nowhere +").folder)
    assert len(str(caught.value).splitlines()) == 1


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"apt.* install g\+\+"):
        Simulation.build(design(tmp_path / "rtl").folder, tmp_path / "cache")


def test_compiled_once(tmp_path, monkeypatch):
    made = design(tmp_path / "rtl")
    first = Simulation.build(made.folder, tmp_path / "a cache")
    assert len(list((tmp_path / "a cache").iterdir())) == 3, "the design, and Verilator's library and header"
    assert np.array_equal(first.run(np.ones((3, 3))).y, np.ones((3, 3)))
    monkeypatch.setattr("finn_steps.rtlsim.objects.run_compiler", lambda *_: pytest.fail("compiled again"))
    assert Simulation.build(made.folder, tmp_path / "a cache").program == first.program


def test_other_weights_in_memories_need_no_compiling(tmp_path, monkeypatch):
    net = random_accelerator((12, 8, 3), seed=0)
    net = net.with_foldings({layer.name: Folding("folded", PE=2) for layer in net.layers})
    weights = net.layers[0].weights.copy()
    weights[tuple(np.argwhere(weights)[3])] *= -1
    other = replace(net, layers=(replace(net.layers[0], weights=weights), *net.layers[1:]))
    x = random_inputs(np.random.default_rng(0), 60, net.MW, net.idt)
    assert not np.array_equal(net.execute(x), other.execute(x))
    for folder, one in (("rtl", net), ("other", other)):
        generate(one, tmp_path / folder)
        simulation = Simulation.build(tmp_path / folder, tmp_path / "cache")
        assert np.array_equal(simulation.run(x).y, one.execute(x))
        monkeypatch.setattr("finn_steps.rtlsim.objects.run_compiler", lambda *_: pytest.fail("compiled again"))


def test_a_long_batch_is_simulated_in_parts(tmp_path, monkeypatch):
    simulation = Simulation.build(design(tmp_path / "rtl").folder)
    x = frames(np.random.default_rng(2), 1001, 3, 23)
    whole, lengths = simulation.run(x), []

    def trace(self, x, *arguments, of_the_class=Simulation.trace, **named):
        lengths.append(len(x))
        return of_the_class(self, x, *arguments, **named)

    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("finn_steps.rtlsim.simulation.SHARE_CYCLES", 300)
    monkeypatch.setattr(Simulation, "trace", trace)
    parts = simulation.run(x)
    assert sorted(lengths) == [1, 333, 334, 334]
    assert np.array_equal(parts.y, x) and np.array_equal(whole.y, x)
    assert (parts.latency_cycles, parts.ii_cycles) == (whole.latency_cycles, whole.ii_cycles) == (1, 1.0)
    assert whole.cycles <= parts.cycles <= whole.cycles + 10
    assert np.array_equal(simulation.run(x, 0.3, 0.3, seed=1).y, x)


@pytest.mark.parametrize("there, cycles, level", [
    ([], 0, "-O0"), ([], 10**5, "-O0"), ([], 10**6, "-O1"), (["-O0"], 10**6, "-O0"), (["-O0"], 10**7, "-O1"), (["-O1"], 0, "-O1"),
    (["-O0", "-O1"], 1, "-O1")])
def test_what_takes_least_is_compiled(there, cycles, level):
    assert compiler.choose_level(there, cycles) == level


@pytest.mark.slow
def test_many_samples_are_optimised_for(tmp_path, caplog):
    made = design(tmp_path / "rtl")
    x = frames(np.random.default_rng(1), 50, 3, 23)
    slow = Simulation.build(made.folder, tmp_path / "a cache", samples=100)
    with caplog.at_level("INFO"):
        fast = Simulation.build(design(tmp_path / "rtl", elements=4).folder, tmp_path / "a cache", samples=10**6)
    assert "g++ -O1; 0." in caplog.text and "about 1,000,000 cycles, compiling and simulating: -O0 0." in caplog.text
    assert np.array_equal(slow.run(x).y, x)
    x = frames(np.random.default_rng(1), 50, 4, 23)
    assert np.array_equal(fast.run(x).y, x)


@pytest.mark.slow
def test_no_unit_of_much_code(tmp_path, monkeypatch):
    """A file of Verilator's C++ is at most what SPLIT says, and a unit not more than one of them over UNIT."""
    net = random_accelerator((12, 24, 3), seed=3)
    generate(net, tmp_path / "rtl")
    sizes = []

    def spy(options, unit, generated, compile_one=objects.compiled):
        names = re.findall('"(.*)"', (generated / unit).read_text())[1:]
        sizes.append(sum((generated / name).stat().st_size for name in names))
        return compile_one(options, unit, generated)

    monkeypatch.setattr(objects, "UNIT", dict.fromkeys(objects.UNIT, 300_000))
    monkeypatch.setattr(objects, "compiled", spy)
    simulation = Simulation.build(tmp_path / "rtl", tmp_path / "cache")
    assert len(sizes) > 2 and max(sizes) < 700_000
    x = random_inputs(np.random.default_rng(0), 40, net.MW, net.idt)
    assert np.array_equal(simulation.run(x).y, net.execute(x))
