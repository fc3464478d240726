"""A frame a cycle: ours beside alkaid's, on networks with a width for every neuron."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

from finn_steps.accelerator import Folding
from tests.benchmarks import chains
from tests.benchmarks.context import Context
from tests.benchmarks.counts import count_rtl
from tests.benchmarks.kept import Kept, network_content
from tests.benchmarks.page import Bar, Section, at_most, number, pair, ratio
from tests.benchmarks.unrolled import made_core

SCRIPT = Path(__file__).parents[1] / "alkaid_chain.py"
ALKAID = "alkaid==0.8.2"
LIMIT_S = 300
MODES = ("binary", "ternary")
TEXT = """`python -m tests.benchmarks.peers --only alkaid`; rows with dashes were not run. Cores alone, counted as above. The networks are chains of quantised layers (tests/benchmarks/chains.py), given to both as they are:
inputs with ranges of their own, activations as HGQ2's quantisers. "HGQ2-like": 16-20-16-12-5, so many weights a neuron, seven of ten of
them one power of two, inputs of 2 to 8 bits, activations of 2 to 6 whose integer bits are what 20,000 random frames need; they are random,
not trained. `WRAP` and `SAT` say what overflows do. alkaid is traced with three solver settings; what it estimates cheapest is
written, once with its ternary adders (its default) and once without. Yosys cannot pack ternary adders, so that its count of them is
not what a device takes; the ratio is to the lesser of the two counts, and the column "estimate" is alkaid's own cost of the network. Both answer
2,000 frames as the integers do: ours by the integers of the import, alkaid's by its own emulation of its network; its Verilog was not
simulated. Activations have the one form that HGQ2's quantisers have; affine ones and tables were not tried."""
WHY = "where the rest lies has not been looked into; the ratio falls with the weights of a neuron."


def cases() -> list[tuple[str, int]]:
    """(network, adders between registers), those that matter most first: HGQ2's default is WRAP."""
    return sorted(((name, every) for every in (1, 5) for name in chains.makers()), key=lambda case: (case[1], case[0].endswith("SAT")))


def rows(context: Context) -> list[dict]:
    return [row(context, name, every) for name, every in cases()]


def row(context: Context, name: str, every: int) -> dict:
    chain = chains.makers()[name]()
    mine = context.run(f"{name}, every {every}: ours", lambda: ours(context.kept, chain, every))
    peers = {mode: context.run(f"{name}, every {every}: alkaid, {mode}", lambda mode=mode: alkaid(context.kept, context.python, chain, every, mode))
             for mode in MODES}
    return {"name": name, "every": every, "ours": mine, **peers}


def ours(kept: Kept, chain, every: int) -> dict:
    accelerator = chains.built(chain)
    made = made_core(kept, accelerator, "unrolled", [Folding(registers_every=every)] * len(accelerator.layers))
    core = made["core"]
    return {**count_rtl(kept, {"core.sv": core["verilog"]}, core["module"]), "latency": core["latency"]}


def alkaid(kept: Kept, python: str, chain, every: int, mode: str) -> dict:
    content = network_content(chains.import_model(chains.emit(chain, "chain")).accelerator)
    made = kept("alkaid", [ALKAID, SCRIPT.read_bytes(), str(every), mode, *content], lambda: run(python, chain, every, mode))
    if "failed" in made:
        return made
    return {**count_rtl(kept, made["files"], made["top"]), "latency": round(made["latency"]), "estimate": made["cost"]}


def run(python: str, chain, every: int, mode: str) -> dict:
    """One run of alkaid_chain.py; {"failed": why}."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chains.save(chain, folder / "chain.npz")
        try:
            done = subprocess.run([python, SCRIPT, folder / "chain.npz", folder / "rtl", str(every), mode], capture_output=True, text=True,
                                  timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            return {"failed": f"alkaid did not end within {LIMIT_S} s"}
        if done.returncode:
            return {"failed": f"alkaid: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"}
        sources = [*sorted(folder.glob("rtl/src/**/*.v")), *sorted(folder.glob("rtl/src/memfiles/*"))]
        files = {path.name: re.sub(r"\(\* rom_style.*?\*\)", "", path.read_text()) for path in sources if "wrapper" not in path.name}
        return {**json.loads(done.stdout.strip().splitlines()[-1]), "files": files, "top": "alkaid_net"}


def section(found: list[dict]) -> Section:
    columns = ("network", "adders a stage", "LUT: ours / binary", "ternary", "ratio to the lesser", "alkaid's estimate", "FF: ours / binary",
               "cycles: ours / binary")
    return Section("Networks with a width for every neuron: alkaid", TEXT, columns, [cells(row) for row in found], bars(found))


def lesser(row: dict) -> float | None:
    found = [value for mode in MODES if (value := ratio(row["ours"], row[mode], "lut")) is not None]
    return max(found) if len(found) == len(MODES) else None


def cells(row: dict) -> tuple[str, ...]:
    mine, binary, ternary = row["ours"], row["binary"], row["ternary"]
    return (row["name"], str(row["every"]), pair(mine, binary, "lut"), number(ternary.get("lut")), number(lesser(row), 2),
            number(binary.get("estimate")), pair(mine, binary, "ff"), pair(mine, binary, "latency"))


def bars(found: list[dict]) -> list[Bar]:
    told = []
    for every in (1, 5):
        stage = "a register after every adder" if every == 1 else f"one after every {every}"
        chosen = {row["name"]: lesser(row) for row in found if row["every"] == every and row["name"] != chains.POW2}
        told.append(at_most(f"HGQ2-like networks, {stage}", "LUT at most 0.6 x alkaid's", chosen, 0.6, why=WHY))
        plain = {row["name"]: lesser(row) for row in found if row["every"] == every and row["name"] == chains.POW2}
        told.append(at_most(f"{chains.POW2}, {stage}", "LUT at most 0.65 x alkaid's", plain, 0.65))
    return told
