"""LUT, FF, CARRY4, logic levels and latency of the pipeline cores, as Yosys counts them without a top level around them.

    nice -n 10 python -m tests.benchmarks.cores [NAME ...]        names as printed; all of them without one

One Yosys at a time, results kept by content (finn_steps/synthesis). `../shared/models` are skipped where that folder is absent.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.importer.lower import import_model
from finn_steps.rtl.core import Core
from finn_steps.rtl.generate import make_core
from finn_steps.simplify import simplify
from finn_steps.synthesis.yosys import SynthesisResult, synthesise
from tests.nets import random_accelerator

SHARED = Path(__file__).parents[3] / "shared" / "models"
DIGITS = {2: (4, 2, 2, 2), 4: (2, 1, 1, 1), 8: (1, 1, 1, 1)}


def networks() -> dict[str, Callable[[], Accelerator]]:
    """Name -> a function that makes the network: random jets of 75 % zeros and FINN's examples."""
    made = {f"{bits}-bit-{scales}": partial(random_accelerator, zeros=0.75, weight_bits=bits, scales=scales)
            for bits in (4, 6) for scales in ("pow2", "float")}
    for path in sorted(SHARED.glob("*.onnx")):
        made[path.stem] = lambda path=path: simplify(import_model(path, path.stem).accelerator).accelerator
    return made


def cases() -> Iterator[tuple[str, Callable[[], Accelerator], str, list[Folding]]]:
    """(name, network, style, foldings) of every row."""
    for name, make in networks().items():
        random = name.endswith(("pow2", "float"))
        for every in (1, 5) if random else (5,):
            yield f"{name}/unrolled-{every}", make, "unrolled", [Folding(registers_every=every)] * 4
        for ii, digits in DIGITS.items() if random else ():
            yield f"{name}/bitplane-{ii}", make, "bitplane", [Folding("bitplane", digits=count) for count in digits]


def build(accelerator: Accelerator, style: str, foldings: list[Folding]) -> Core:
    """The core of the whole network."""
    folded = accelerator.with_foldings({layer.name: folding for layer, folding in zip(accelerator.layers, foldings)})
    return make_core(style, list(folded.layers), "core")


def count(files: dict[str, str], top: str) -> SynthesisResult:
    """Yosys' counts of SystemVerilog files, everything in LUTs and flip-flops."""
    with tempfile.TemporaryDirectory() as name:
        for file, text in files.items():
            Path(name, file).write_text(text)
        Path(name, "filelist.f").write_text("".join(f"{file}\n" for file in files))
        return synthesise(name, "xcup", strict=True, top=top)


def main() -> None:
    wanted = sys.argv[1:]
    print(f"{'core':40} {'LUT':>6} {'FF':>6} {'CARRY4':>6} {'levels':>6} {'cycles':>6} {'II':>3} {'generate s':>10}")
    for name, make, style, foldings in cases():
        if wanted and name not in wanted:
            continue
        accelerator, started = make(), time.process_time()
        core = build(accelerator, style, foldings)
        seconds = time.process_time() - started
        result = count({"core.sv": core.verilog}, core.module)
        print(f"{name:40} {result.lut:6} {result.ff:6} {result.carry:6} {result.logic_levels:6} {core.latency:6} {core.ii:3} "
              f"{seconds:10.1f}", flush=True)


if __name__ == "__main__":
    main()
