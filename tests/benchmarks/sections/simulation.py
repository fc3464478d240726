"""How fast designs simulate, by style and II, and what compiling them takes.

    nice -n 5 python -m tests.benchmarks.sections.simulation        measures and prints the table; about five minutes
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Folding
from finn_steps.emulator import Emulator
from finn_steps.rtl.core_cache import sources
from finn_steps.rtl.design import Design
from finn_steps.rtl.generate import LIBRARY, generate
from finn_steps.rtlsim import Simulation, compiler
from finn_steps.rtlsim.objects import header, library
from tests.benchmarks.context import Context
from tests.benchmarks.kept import network_content
from tests.benchmarks.networks import ROOT, SHARED, network
from tests.benchmarks.page import Bar, Section, markdown_table, number
from tests.nets import random_inputs

CYCLES = 20_000
BULK = 500_000
FOLDINGS = {
    "jet_qap": {
        "unrolled": [Folding(style="unrolled")] * 4,
        "bit planes": [Folding(style="bitplane")] * 4,
        "folded, PE = MH": [Folding(style="folded", PE=pe) for pe in (25, 18, 18, 5)],
        "folded, PE = 1": [Folding(style="folded", SIMD=2)] * 4,
    },
    "TFC_2W2A": {
        "folded as FINN's example": [Folding(style="folded", PE=pe, SIMD=simd) for pe, simd in ((16, 49), (8, 8), (8, 8), (10, 8))],
    },
}
MANY = 10**9
"""Samples for which optimising pays."""
SECONDS, MEGABYTES = 60, 1500
TEXT = """Random inputs back to back, CPU time of one thread (a machine shared with other work). "RTL": the simulation that is quick to
compile (`g++ -O0`), and the one that is quick to run (`-O1`); a build and `verify` take the one that needs less for their samples, both
parts counted, and say so in `build.log`. "Compile": CPU time of Verilator and g++ together, Verilator's own library and header there
already; "g++ MB": the most memory that one compiler process took. A build sends every sample through the RTL as far as 2,000,000 cycles
reach, on all cores at once, the rest through the emulator; `verify` sends the bulk through the emulator."""


def rows(context: Context) -> list[dict]:
    simulator = [*(path.read_text() for path in sorted((ROOT / "finn_steps/rtlsim").iterdir()) if path.is_file()),
                 (ROOT / "finn_steps/emulator/emulator.cpp").read_text(), sources(), *(path.read_bytes() for path in sorted(LIBRARY.glob("*.sv")))]
    found = []
    for name, foldings in designs():
        parts = [*simulator, *network_content(network(name)[1]), repr(foldings)]
        found += context.run(f"simulation of {name}", lambda n=name, f=foldings, p=parts: {
            "rows": context.kept("simulation", p, lambda: list(measured(n, f)))}).get("rows", [])
    return found


def designs():
    """(network, {style: its layers' foldings}); without files that are not here."""
    return [(name, foldings) for name, foldings in FOLDINGS.items() if name == "jet_qap" or (SHARED / f"{name}.onnx").is_file()]


def measured(name: str, foldings: dict[str, list[Folding]]):
    accelerator = network(name)[1]
    x = random_inputs(np.random.default_rng(0), BULK, accelerator.MW, accelerator.idt)
    emulator, narrow = Emulator(accelerator), x.astype(np.int8 if abs(x).max() < 128 else np.int32)
    emulated = rate(lambda: emulator.execute(narrow), len(x), resource.RUSAGE_SELF)
    for style, chosen in foldings.items():
        folded = accelerator.with_foldings({layer.name: folding for layer, folding in zip(accelerator.layers, chosen)})
        with tempfile.TemporaryDirectory() as folder:
            generate(folded, Path(folder, "rtl"))
            quick, fast = (in_a_process(folder, level) for level in compiler.LEVELS)
            count = min(BULK, max(8, CYCLES // quick["ii"]))
            expected = folded.execute(x[:count])
            runs = []
            for kind in (quick, fast):
                simulation = Simulation(Design.load(Path(folder, "rtl")), Path(kind["program"]))
                runs.append(rate(lambda: simulation.trace(x[:count]), count, resource.RUSAGE_CHILDREN))
                equal = np.array_equal(simulation.trace(x[:count]).y, expected)
        yield {"network": name, "style": style, "ii": quick["ii"], "emulator": emulated, "rtl": runs[0], "rtl_fast": runs[1],
               "compile": quick["seconds"], "compile_fast": fast["seconds"], "megabytes": quick["megabytes"], "equal": bool(equal)}


def rate(work, samples: int, who: int) -> float:
    """Samples in a second of CPU time, the better of two runs."""
    seconds = []
    for _ in range(2):
        before = resource.getrusage(who)
        work()
        after = resource.getrusage(who)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return samples / max(min(seconds), 1e-3)


def in_a_process(folder: str, level: str) -> dict:
    """compile_here() in a process of its own, whose children are the compilers alone."""
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.benchmarks.sections.simulation", folder, level]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def compile_here(folder: str, level: str) -> dict:
    cache = Path(folder, f"cache{level}")
    library(cache, header(cache, level))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    samples = 0 if level == compiler.LEVELS[0] else MANY
    simulation = Simulation.build(Path(folder, "rtl"), cache, samples)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "megabytes": after.ru_maxrss / 1024,
            "ii": simulation.design.ii, "program": str(simulation.program)}


def section(found: list[dict]) -> Section:
    columns = ("network", "style", "II", "emulator, samples/s", "RTL, samples/s", "-O1", "compile s", "-O1", "g++ MB", "equal")
    table = [(row["network"], row["style"], row["ii"], number(row["emulator"]), number(row["rtl"]), number(row["rtl_fast"]),
              number(row["compile"], 1), number(row["compile_fast"], 1), number(row["megabytes"]), "yes" if row["equal"] else "**no**")
             for row in found]
    return Section("Simulation", TEXT, columns, table, bars(found))


def bars(found: list[dict]) -> list[Bar]:
    tfc = next((row for row in found if row["network"] == "TFC_2W2A"), None)
    told = f"{tfc['compile']:.0f} s, {tfc['megabytes']:.0f} MB" if tfc else ""
    met = tfc["compile"] <= SECONDS and tfc["megabytes"] <= MEGABYTES if tfc else None
    return [Bar("TFC_2W2A, PE 16 SIMD 49, its simulation", "compiles in at most 60 s of CPU, 1.5 GB", told, met)]


def main() -> None:
    table = section([row for name, foldings in designs() for row in measured(name, foldings)])
    print(markdown_table(table.columns, table.rows))


if __name__ == "__main__":
    print(json.dumps(compile_here(*sys.argv[1:]))) if len(sys.argv) > 1 else main()
