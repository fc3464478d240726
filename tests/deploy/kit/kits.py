"""Kits of small networks, and simulators for their test benches."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from deploy.kit.kit import write_core
from finn_steps.accelerator import Accelerator, Folding
from finn_steps.accelerator.label import with_label
from finn_steps.folding.cost import estimate
from finn_steps.folding.streams import save_accelerator
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim.verilator import verilator_root
from finn_steps.verification.stimulus import corner_inputs
from tests.nets import random_accelerator, random_inputs

STYLES = {
    "unrolled": Folding(),
    "bitplane": Folding("bitplane", digits=2),
    "serial": Folding("serial", max_cycles=12),
    "folded": Folding("folded", PE=2, SIMD=2),
    "folded-dsp": Folding("folded", PE=2, SIMD=2, products="dsp"),
    "folded-serial-inputs": Folding("folded", PE=1, SIMD=1),
}
FREE_RUNNING = [style for style in STYLES if not style.startswith("folded")]
CASES = [(style, "stream") for style in STYLES] + [(style, "valid") for style in FREE_RUNNING]
needs_icarus = pytest.mark.skipif(not shutil.which("iverilog") or not shutil.which("vvp"), reason="no Icarus here (Debian: iverilog)")
needs_ghdl = pytest.mark.skipif(not shutil.which("ghdl"), reason="no GHDL here (Debian: ghdl)")
needs_tclsh = pytest.mark.skipif(not shutil.which("tclsh"), reason="tclsh is not installed (Debian: tcl)")


def network(style: str, interface: str, labels: bool = False, scales: str = "pow2", **options) -> Accelerator:
    net = random_accelerator(**{"widths": (6, 5, 4), "zeros": 0.5, "seed": 1, "scales": scales, **options})
    net = net.with_foldings({layer.name: STYLES[style] for layer in net.layers})
    return replace(with_label(net) if labels else net, interface=interface)


def facts(net: Accelerator) -> dict:
    """What a kit reads of a summary, by the estimate, whose cycles are exact."""
    told = estimate(net)
    layers = [{"name": layer.name, "style": layer.folding.style, "MW": layer.MW, "MH": layer.MH, "idt": layer.idt, "odt": layer.odt,
               "nonzeros": layer.nonzeros} for layer in net.layers]
    seen = {"samples": 9, "rtl_samples": 9, "data": "random inputs", "reference": "onnxruntime", "mismatches": 0, "stalled_samples": 9,
            "stall_patterns": 3, "corners": 14, "resets": 32}
    hardware = {"latency_cycles": told.latency_cycles, "ii_cycles": float(told.ii_cycles), "clock_ns": 5.0, "part": "xc7z020clg400-1",
                "last_layer": "raw" if net.labels is None else "label", "layers": layers}
    return {"hardware": hardware, "verification": seen, "estimate": asdict(told)}


def make_kit(folder: Path, net: Accelerator, frames: int = 40) -> Path:
    """deploy/core of a network; the test bench has all corners and so many random frames."""
    folder.mkdir(parents=True, exist_ok=True)
    save_accelerator(net, folder)
    generate(net, folder / "rtl")
    corners = corner_inputs(net)
    low, high = net.layers[0].input_low, net.layers[0].input_high
    x = np.concatenate([corners, np.clip(random_inputs(np.random.default_rng(1), frames, net.MW, net.idt), low, high)])
    write_core(folder / "core", folder / "rtl", folder, facts(net), x, net.execute(x), len(corners))
    return folder / "core"


def in_icarus(core: Path) -> subprocess.CompletedProcess:
    """The README's command, by hand."""
    rtl = core / "rtl"
    compiled = subprocess.run(["iverilog", "-g2012", "-o", "../bench.vvp", "-f", "../tb/files.f"], cwd=rtl, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    return subprocess.run(["vvp", "-n", "../bench.vvp"], cwd=rtl, capture_output=True, text=True, timeout=120)


def verilator(core: Path, *options) -> subprocess.CompletedProcess:
    """Verilator on the test bench, with its warnings as they are."""
    root = verilator_root()
    command = [root / "bin" / "verilator_bin", *options, "--top-module", "finn_accel_tb", "-f", "../tb/files.f"]
    return subprocess.run(command, cwd=core / "rtl", env={**os.environ, "VERILATOR_ROOT": str(root)}, capture_output=True, text=True)


def in_verilator(core: Path) -> subprocess.CompletedProcess:
    """What `verilator --binary --timing` does, with neither perl nor make."""
    rtl, made, root = core / "rtl", core / "obj_dir", verilator_root()
    verilated = verilator(core, "--cc", "--main", "--timing", "--assert", "--Mdir", made)
    assert verilated.returncode == 0, verilated.stderr
    sources = [*made.glob("*.cpp"), *(root / "include" / f"verilated{part}.cpp" for part in ("", "_threads", "_timing"))]
    (made / "all.cc").write_text("".join(f'#include "{source}"\n' for source in sources))
    includes = [f"-I{root}/include", f"-I{root}/include/vltstd"]
    compiler = ["g++", "-std=c++20", "-fcoroutines", "-O0", "-w", "-pthread", *includes, "all.cc", "-o", "bench"]
    compiled = subprocess.run(compiler, cwd=made, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr[-2000:]
    return subprocess.run([made / "bench"], cwd=rtl, capture_output=True, text=True, timeout=120)


def verdict(done: subprocess.CompletedProcess) -> str:
    """The one line that says PASS or FAIL; the exit code must say the same."""
    lines = [line for line in done.stdout.splitlines() if line.startswith(("PASS", "FAIL"))]
    assert len(lines) == 1, done.stdout + done.stderr
    assert (done.returncode == 0) == lines[0].startswith("PASS"), (done.returncode, lines)
    return lines[0]
