"""tb/ of the kit: the core passes its own test bench, and what is wrong fails it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from deploy.kit.vectors import hex_beats
from deploy.packing import Stream
from finn_steps.accelerator.stream import StreamFormat
from tests.deploy.kit.kits import CASES, in_icarus, in_verilator, make_kit, needs_icarus, network, verdict, verilator


@needs_icarus
@pytest.mark.parametrize("style, interface", CASES)
def test_passes_in_icarus(tmp_path, style, interface):
    core = make_kit(tmp_path, network(style, interface))
    assert verdict(in_icarus(core)).startswith("PASS: 54 frames")


@needs_icarus
@pytest.mark.parametrize("style, interface", [("bitplane", "valid"), ("folded", "stream"), ("unrolled", "stream")])
def test_labels_and_uneven_thresholds(tmp_path, style, interface):
    core = make_kit(tmp_path, network(style, interface, labels=True, scales="float"))
    assert verdict(in_icarus(core)).startswith("PASS")


@needs_icarus
@pytest.mark.parametrize("style, interface", [("folded", "stream"), ("serial", "valid")])
def test_inputs_with_ranges_of_their_own(tmp_path, style, interface):
    net = network(style, interface)
    own = np.array([[-3, -128, 0, -8, -1, 5], [3, 127, 1, 7, 0, 5]])
    core = make_kit(tmp_path, replace(net, layers=(replace(net.layers[0], input_range=own), *net.layers[1:])))
    assert verdict(in_icarus(core)).startswith("PASS")


@needs_icarus
def test_unpacked_alone_in_an_empty_folder(tmp_path):
    """Journey (c): nothing but deploy/core, no file of the build that made it."""
    made = make_kit(tmp_path / "build", network("folded", "stream"))
    archive = shutil.make_archive(str(tmp_path / "core"), "gztar", made)
    shutil.rmtree(tmp_path / "build")
    shutil.unpack_archive(archive, tmp_path / "empty")
    readme = (tmp_path / "empty" / "README.md").read_text()
    commands = next(line.strip() for line in readme.splitlines() if line.strip().startswith("iverilog"))
    done = subprocess.run(["sh", "-c", f"cd rtl && {commands}"], cwd=tmp_path / "empty", capture_output=True, text=True)
    assert verdict(done).startswith("PASS: 54 frames in 6 runs")


@pytest.mark.parametrize("style, interface", CASES)
def test_is_clean_in_verilator(tmp_path, style, interface):
    """No warning of those that end `verilator --binary`, whatever the network's II and latency are."""
    core = make_kit(tmp_path, network(style, interface), frames=4)
    done = verilator(core, "--lint-only", "--timing", "--assert")
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("style, interface", CASES)
def test_passes_in_verilator(tmp_path, style, interface):
    core = make_kit(tmp_path, network(style, interface))
    assert verdict(in_verilator(core)).startswith("PASS: 54 frames")


def replaced(path, old, new):
    text = path.read_text()
    assert text.count(old) >= 1, (path, old)
    path.write_text(text.replace(old, new, 1))


FAULTS = {
    "an answer": ("expected", "wrong data"),
    "a latency": ("latency", "the latency"),
    "a weight": ("weight", "wrong data"),
    "a tlast": ("last", "m_axis_0_tlast is wrong"),
    "a lost frame": ("lost", "hung"),
    "no reset": ("reset", ""),
}


@needs_icarus
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_stream_fails(tmp_path, fault):
    kind, says = FAULTS[fault]
    core = make_kit(tmp_path, network("unrolled", "stream"))
    top = core / "rtl" / "finn_accel.sv"
    if kind == "expected":
        lines = (core / "tb" / "expected.hex").read_text().split()
        lines[40] = f"{int(lines[40], 16) ^ 4:0{len(lines[40])}x}"
        (core / "tb" / "expected.hex").write_text("\n".join(lines) + "\n")
    elif kind == "latency":
        bench = core / "tb" / "finn_accel_tb.sv"
        replaced(bench, ".LATENCY(", ".LATENCY(1 + ")
    elif kind == "weight":
        replaced(next((core / "rtl").glob("*_core.sv")), "1'b1", "1'b0")
    elif kind == "last":
        replaced(top, "assign m_axis_0_tlast = ", "assign m_axis_0_tlast = !")
    elif kind == "lost":
        replaced(top, ".LATENCY(", ".CREDITS(0 + 64),\n      .LATENCY(1 + ")
    else:
        replaced(top, ".rst_n(ap_rst_n)", ".rst_n(1'b1)")
    line = verdict(in_icarus(core))
    assert line.startswith("FAIL") and (kind == "lost" or says in line), line


@needs_icarus
@pytest.mark.parametrize("fault, says", [(".LATENCY(-1 + ", "no answer is due"), (".LATENCY(1 + ", "no answer when it was due"),
                                         (".II(1 + ", "no answer when it was due"), (".II(-1 + ", "")])
def test_a_fault_in_a_core_where_nothing_waits_fails(tmp_path, fault, says):
    """An answer a cycle early, or late; a core that wants frames farther apart; one that takes frames sooner than it can."""
    core = make_kit(tmp_path, network("bitplane", "valid"))
    replaced(core / "rtl" / "finn_accel.sv", fault.split("(")[0] + "(", fault)
    line = verdict(in_icarus(core))
    assert line.startswith("FAIL") and says in line, line


SHAPES = [(1, False, 6, False), (1, False, 3, True), (5, True, 2, False), (13, True, 6, False), (8, False, 1, False)]


@pytest.mark.parametrize("bits, signed, lanes, bipolar", SHAPES)
def test_vectors_are_what_the_simulation_sends(bits, signed, lanes, bipolar):
    """finn_steps' own packing, and this one, which shares nothing with it."""
    rng = np.random.default_rng(0)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    x = 2 * rng.integers(0, 2, (20, 6)) - 1 if bipolar else rng.integers(low, high + 1, (20, 6))
    beats = StreamFormat(6, bits, signed, lanes, bipolar).pack(x)
    expected = [bytes(beat[::-1]).hex() for beat in beats]
    assert hex_beats(Stream(6, bits, signed, lanes, bipolar), x).split() == expected


def test_a_vector_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="no frames"):
        hex_beats(Stream(2, 3, True, 2), np.array([[0, 4]]))
