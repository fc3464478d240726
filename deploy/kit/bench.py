"""tb/ of the kit: the bench, its vectors, and the list of files that simulators take."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from deploy.kit.core import Core
from deploy.kit.vectors import hex_beats

HERE = Path(__file__).resolve().parent
BENCH = "finn_accel_tb"


def write_test_bench(folder: Path, core: Core, inputs: np.ndarray, expected: np.ndarray) -> None:
    """int64 [N, MW] and int64 [N, MH], what the core must answer to them."""
    folder.mkdir(parents=True)
    bench = f"{core.interface}_bench"
    shutil.copyfile(HERE / f"{bench}.sv", folder / f"{bench}.sv")
    (folder / "inputs.hex").write_text(hex_beats(core.input_stream, inputs))
    (folder / "expected.hex").write_text(hex_beats(core.output_stream, expected))
    (folder / f"{BENCH}.sv").write_text(top(core, bench, len(inputs)))
    (folder / "files.f").write_text("".join(f"{name}\n" for name in (*core.sources, f"../tb/{bench}.sv", f"../tb/{BENCH}.sv")))


def top(core: Core, bench: str, frames: int) -> str:
    """The bench with this core's numbers."""
    numbers = {"FRAMES": frames, "IN_BITS": 8 * core.input_stream.bytes, "OUT_BITS": 8 * core.output_stream.bytes,
               "LATENCY": core.latency, "II": core.steady}
    if core.waits:
        numbers |= {"IN_BEATS": core.input_stream.beats, "OUT_BEATS": core.output_stream.beats}
    settings = ",\n".join(f"      .{name}({value})" for name, value in numbers.items())
    return f"// {' '.join(core.name.split())}: its vectors through {bench}.sv. Run from rtl/, where the memory files are.\n" \
           f"module {BENCH};\n  {bench} #(\n{settings}\n  ) bench ();\nendmodule\n"
