"""The handshake properties that the stream modules assert are proved by induction, and fail where a module is made wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from finn_steps.rtl.generate import LIBRARY

SHELL = Path(__file__).parents[3] / "deploy" / "shell"

CASES = [
    ("stream_register", {"WIDTH": 3}), ("stream_deserialiser", {"WIDTH": 2, "BEATS": 2}), ("stream_deserialiser", {"WIDTH": 1, "BEATS": 5}),
    ("stream_serialiser", {"WIDTH": 2, "BEATS": 3}), ("stream_serialiser", {"WIDTH": 1, "BEATS": 4}),
    ("stream_fifo", {"WIDTH": 2, "DEPTH": 3}), ("stream_fifo", {"WIDTH": 1, "DEPTH": 4}),
    ("credit_pipeline", {"WIDTH": 2, "LATENCY": 3, "II": 2}), ("credit_pipeline", {"WIDTH": 1, "LATENCY": 4, "II": 1}),
    ("credit_pipeline", {"WIDTH": 1, "LATENCY": 1, "II": 1}), ("credit_pipeline", {"WIDTH": 1, "LATENCY": 5, "II": 4}),
    ("frame_fifo", {"WIDTH": 1, "BEATS": 3, "FRAMES": 2}), ("frame_fifo", {"WIDTH": 1, "BEATS": 2, "FRAMES": 3}),
    ("frame_fifo", {"WIDTH": 1, "BEATS": 1, "FRAMES": 2}),
    ("folded_loader", {"WIDTH": 1, "BEATS": 3, "OWNERS": 2, "ADDRESS": 1}),
    ("folded_loader", {"WIDTH": 1, "BEATS": 1, "OWNERS": 1, "ADDRESS": 1}),
    ("valid_pipeline", {"LATENCY": 3, "II": 3}), ("valid_pipeline", {"LATENCY": 1, "II": 5}),
    ("words_to_beats", {"WORD": 1, "BEAT": 3}), ("words_to_beats", {"WORD": 2, "BEAT": 4}), ("words_to_beats", {"WORD": 4, "BEAT": 1}),
    ("words_to_beats", {"WORD": 2, "BEAT": 2}), ("beats_to_words", {"DATA": 1, "BEAT": 1, "WORD": 4}),
    ("beats_to_words", {"DATA": 2, "BEAT": 2, "WORD": 2}), ("beats_to_words", {"DATA": 3, "BEAT": 4, "WORD": 2}),
    ("measure", {"DEPTH": 4, "IN_BEATS": 2}),
]
PARTS = ("stream_contract", "rom", "latency_recorder")
"""What modules may be made of. Of latency_recorder nothing is taken: what it says may be anything."""
FAULTS = [
    ("stream_register", "if (s_ready) m_data", "if (s_valid) m_data", {"WIDTH": 3}),
    ("stream_deserialiser", "assign s_ready = !m_valid || m_ready;", "assign s_ready = 1'b1;", {"WIDTH": 2, "BEATS": 2}),
    ("stream_register", "s_ready = !m_valid || m_ready", "s_ready = m_ready", {"WIDTH": 3}),
    ("stream_deserialiser", "s_ready = !m_valid || m_ready", "s_ready = m_ready", {"WIDTH": 2, "BEATS": 2}),
    ("words_to_beats", "s_ready = !full || m_ready", "s_ready = m_ready", {"WORD": 1, "BEAT": 3}),
    ("beats_to_words", "s_ready = !done || m_ready", "s_ready = m_ready", {"DATA": 1, "BEAT": 1, "WORD": 4}),
    ("stream_fifo", "wire push = s_valid && s_ready;", "wire push = s_valid;", {"WIDTH": 2, "DEPTH": 3}),
    ("credit_pipeline", "else if (start != pop)", "else if (start)", {"WIDTH": 2, "LATENCY": 3, "II": 2}),
    ("credit_pipeline", "valid <= rst_n ? {", "valid <= 1'b1 ? {", {"WIDTH": 2, "LATENCY": 3, "II": 2}),
    ("frame_fifo", "if (start != leaves)", "if (start || leaves)", {"WIDTH": 1, "BEATS": 3, "FRAMES": 2}),
    ("folded_loader", "if (done) full[read_bank]", "if (done) full[next_bank]", {"WIDTH": 1, "BEATS": 3, "OWNERS": 2, "ADDRESS": 1}),
    ("folded_loader", "assign s_ready = !full[write_bank];", "assign s_ready = 1'b1;", {"WIDTH": 1, "BEATS": 3, "OWNERS": 2, "ADDRESS": 1}),
    ("valid_pipeline", "start = s_valid && paced", "start = s_valid", {"LATENCY": 3, "II": 3}),
    ("words_to_beats", "s_ready = !full || m_ready", "s_ready = 1'b1", {"WORD": 1, "BEAT": 3}),
    ("words_to_beats", "end else if (m_valid && m_ready) word", "end else if (m_valid) word", {"WORD": 4, "BEAT": 1}),
    ("beats_to_words", "s_ready = !done || m_ready", "s_ready = 1'b1", {"DATA": 1, "BEAT": 1, "WORD": 4}),
    ("measure", "(rvalid && !rready)", "1'b0", {"DEPTH": 4, "IN_BEATS": 2}),
]


def modules() -> dict[str, Path]:
    """Of the library and of the shell around an accelerator."""
    return {path.stem: path for folder in (LIBRARY, SHELL) for path in sorted(folder.glob("*.sv"))}


def gives_a_stream(text: str) -> bool:
    """Whether a module has ports that are named valid and ready."""
    ports = [line for line in re.sub(r"//.*", "", text).partition(");")[0].splitlines() if re.search(r"\b(input|output)\b", line)]
    return all(any(re.search(rf"{kind}\s*,?\s*$", line) for line in ports) for kind in ("valid", "ready"))


def test_every_stream_module_has_a_contract():
    """Of its own, or stream_contract beside its output; and those of one module are proved, or it is the shell, whose parts are."""
    streams = {name for name, path in modules().items() if gives_a_stream(path.read_text()) and name != "stream_contract"}
    assert {"stream_register", "folded_loader", "words_to_beats", "measure", "shell"} <= streams
    asserting = {name for name in streams if re.search(r"\bassert \(|\bstream_contract #", modules()[name].read_text())}
    assert streams - asserting == set()
    assert streams - {name for name, _ in CASES} == {"shell"}


def proved(module: str, text: str, parameters: dict[str, int], folder: Path) -> bool:
    """Whether all that a module asserts holds in every cycle after a first one in reset, from any state and for all inputs."""
    (folder / f"{module}.sv").write_text(text)
    for part in PARTS:
        (folder / f"{part}.sv").write_text(modules()[part].read_text())
    values = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    files = " ".join(f"{name}.sv" for name in dict.fromkeys((module, *PARTS)))
    script = [f"read_verilog -sv -formal -defer {files}", f"hierarchy -check -top {module} {values}", f"rename -top {module}",
              "delete t:*latency_recorder*", "proc", "flatten", "opt -full", "memory", "opt_clean", "async2sync", "chformal -lower", "opt_clean",
              f"tee -o cells.txt stat {module}",
              f"sat -tempinduct -prove-asserts -set-assumes -set-at 1 rst_n 0 -seq 1 -maxsteps 30 -verify {module}"]
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(line, d) for line in sys.argv[1:]]"
    done = subprocess.run([sys.executable, "-c", code, *script], cwd=folder, capture_output=True, text=True)
    assert "$assert" in (folder / "cells.txt").read_text(), done.stdout + done.stderr
    assert done.returncode == 0 or "proof did fail" in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("module, parameters", CASES)
def test_proved(tmp_path, module, parameters):
    assert proved(module, modules()[module].read_text(), parameters, tmp_path)


@pytest.mark.parametrize("module, right, wrong, parameters", FAULTS)
def test_faults_are_found(tmp_path, module, right, wrong, parameters):
    text = modules()[module].read_text()
    assert right in text
    assert not proved(module, text.replace(right, wrong), parameters, tmp_path)
