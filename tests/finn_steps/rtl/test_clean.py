"""What generate() writes is clean in the tools of those who take it: Verilator -Wall, Yosys, slang (Yosys' reader of all of SystemVerilog) and
Icarus, with no warning switched off."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finn_steps.rtl.generate import LIBRARY, generate
from finn_steps.rtlsim.verilator import lint
from tests.deploy.kit.kits import CASES, network

needs_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="no Icarus here (Debian: iverilog)")


@pytest.fixture(params=[(*case, kind) for case in CASES for kind in ("plain", "labels", "ranges")], ids="-".join)
def design(request, tmp_path):
    """In the style, with even thresholds; with uneven ones and labels; or with inputs of ranges of their own, one of them a constant."""
    style, interface, kind = request.param
    net = network(style, interface, labels=kind == "labels", scales="float" if kind == "labels" else "pow2")
    if kind == "ranges":
        first = replace(net.layers[0], input_range=np.array([[-3, -128, 0, -8, -1, 5], [3, 127, 1, 7, 0, 5]]))
        net = replace(net, layers=(first, *net.layers[1:]))
    return generate(net, tmp_path)


def run_yosys(folder: Path, *commands: str) -> subprocess.CompletedProcess:
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(line, d) for line in sys.argv[1:]]"
    return subprocess.run([sys.executable, "-c", code, *commands], cwd=folder, capture_output=True, text=True)


def complaints(done: subprocess.CompletedProcess) -> list[str]:
    return [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"\b(warning|error):", line, re.I)]


def test_verilator(design):
    assert lint([design.folder / name for name in design.files], design.top, folder=design.folder) == ""


def test_yosys(design):
    read = [f'read_verilog -sv -defer "{name}"' for name in design.files]
    done = run_yosys(design.folder, *read, f"hierarchy -check -top {design.top}", "proc", "flatten", "check -assert")
    assert done.returncode == 0 and not complaints(done), complaints(done)


def test_slang(design):
    done = run_yosys(design.folder, f"read_slang --top {design.top} {' '.join(design.files)}", "check -assert")
    assert done.returncode == 0 and not complaints(done), complaints(done)


@needs_icarus
def test_icarus(design, tmp_path):
    command = ["iverilog", "-g2012", "-Wall", "-o", tmp_path / "made.vvp", "-f", "filelist.f"]
    done = subprocess.run(command, cwd=design.folder, capture_output=True, text=True)
    assert done.returncode == 0 and not complaints(done), complaints(done)


@pytest.mark.parametrize("text", sorted(path.name for path in LIBRARY.glob("*.sv")))
def test_the_library_keeps_to_what_old_simulators_take(text):
    """Where no Icarus is: parameters of 32 bits without a type, no elaboration task, no label before an assertion, no `~~`."""
    content = (LIBRARY / text).read_text()
    for unknown in ("parameter int", "localparam int", " : assert", "~~"):
        assert unknown not in content
    assert "$error" not in content


def test_a_library_module_refuses_bad_parameters(tmp_path):
    (tmp_path / "top.sv").write_text("module top (input wire clk);\n  stream_fifo #(.DEPTH(1)) fifo ();\n  wire _unused = clk;\nendmodule\n")
    found = lint([tmp_path / "top.sv"], "top", library=LIBRARY)
    assert "stream_fifo_DEPTH_must_be_at_least_2" in found
    done = run_yosys(LIBRARY, f'read_verilog -sv -defer "{tmp_path / "top.sv"}" stream_fifo.sv stream_contract.sv', "hierarchy -check -top top")
    assert done.returncode != 0 and "stream_fifo_DEPTH_must_be_at_least_2" in done.stdout + done.stderr
