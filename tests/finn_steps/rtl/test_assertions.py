"""The handshake properties that the stream modules assert are proved by induction, and fail where a module is made wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from finn_steps.rtl.generate import LIBRARY

CASES = [
    ("stream_register", {"WIDTH": 3}), ("stream_deserialiser", {"WIDTH": 2, "BEATS": 2}), ("stream_deserialiser", {"WIDTH": 1, "BEATS": 5}),
    ("stream_serialiser", {"WIDTH": 2, "BEATS": 3}), ("stream_serialiser", {"WIDTH": 1, "BEATS": 4}),
    ("stream_fifo", {"WIDTH": 2, "DEPTH": 3}), ("stream_fifo", {"WIDTH": 1, "DEPTH": 4}),
    ("credit_pipeline", {"WIDTH": 2, "LATENCY": 3, "II": 2}), ("credit_pipeline", {"WIDTH": 1, "LATENCY": 4, "II": 1}),
    ("credit_pipeline", {"WIDTH": 1, "LATENCY": 1, "II": 1}), ("credit_pipeline", {"WIDTH": 1, "LATENCY": 5, "II": 4}),
    ("frame_fifo", {"WIDTH": 1, "BEATS": 3, "FRAMES": 2}), ("frame_fifo", {"WIDTH": 1, "BEATS": 2, "FRAMES": 3}),
    ("frame_fifo", {"WIDTH": 1, "BEATS": 1, "FRAMES": 2}),
]
FAULTS = [
    ("stream_register", "if (s_ready) m_data", "if (s_valid) m_data", {"WIDTH": 3}),
    ("stream_deserialiser", "assign s_ready = !m_valid || m_ready;", "assign s_ready = 1'b1;", {"WIDTH": 2, "BEATS": 2}),
    ("stream_fifo", "wire push = s_valid && s_ready;", "wire push = s_valid;", {"WIDTH": 2, "DEPTH": 3}),
    ("credit_pipeline", "else if (start != pop)", "else if (start)", {"WIDTH": 2, "LATENCY": 3, "II": 2}),
    ("credit_pipeline", "valid <= rst_n ? {", "valid <= 1'b1 ? {", {"WIDTH": 2, "LATENCY": 3, "II": 2}),
    ("frame_fifo", "if (start != leaves)", "if (start || leaves)", {"WIDTH": 1, "BEATS": 3, "FRAMES": 2}),
]


def proved(module: str, text: str, parameters: dict[str, int], folder: Path) -> bool:
    """Whether all that a module asserts holds in every cycle after a first one in reset, from any state and for all inputs."""
    (folder / f"{module}.sv").write_text(text)
    (folder / "stream_contract.sv").write_text((LIBRARY / "stream_contract.sv").read_text())
    values = " ".join(f"-set {name} {value}" for name, value in parameters.items())
    script = [f"read_verilog -sv -formal {module}.sv stream_contract.sv", f"chparam {values} {module}",
              f"hierarchy -check -top {module}", "proc", "flatten", "opt -full", "memory", "opt_clean", "async2sync", "chformal -lower", "opt_clean", f"tee -o cells.txt stat {module}",
              f"sat -tempinduct -prove-asserts -set-assumes -set-at 1 rst_n 0 -seq 1 -maxsteps 30 -verify {module}"]
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(line, d) for line in sys.argv[1:]]"
    done = subprocess.run([sys.executable, "-c", code, *script], cwd=folder, capture_output=True, text=True)
    assert "$assert" in (folder / "cells.txt").read_text(), done.stdout + done.stderr
    assert done.returncode == 0 or "proof did fail" in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("module, parameters", CASES)
def test_proved(tmp_path, module, parameters):
    assert proved(module, (LIBRARY / f"{module}.sv").read_text(), parameters, tmp_path)


@pytest.mark.parametrize("module, right, wrong, parameters", FAULTS)
def test_faults_are_found(tmp_path, module, right, wrong, parameters):
    text = (LIBRARY / f"{module}.sv").read_text()
    assert right in text
    assert not proved(module, text.replace(right, wrong), parameters, tmp_path)
