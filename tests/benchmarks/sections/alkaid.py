"""A frame a cycle: ours beside alkaid's, on networks with a width for every neuron, and on the integer networks of the other sections."""

from __future__ import annotations

from functools import cache

from finn_steps.accelerator import Folding
from tests.benchmarks import chains
from tests.benchmarks.context import Context
from tests.benchmarks.kept import Kept
from tests.benchmarks.networks import TRAINED, network, random_name
from tests.benchmarks.page import Bar, Section, at_most, number, pair, ratio
from tests.benchmarks.peer_alkaid import MODES, alkaid
from tests.benchmarks.quantised import int8_network
from tests.benchmarks.unrolled import ours

INT8 = {f"8 bit of onnxruntime, {'-'.join(map(str, widths))}": widths for widths in ((16, 32, 5), (16, 64, 32, 32, 5))}
PLAIN = (*TRAINED, random_name(4, 75, "pow2"), random_name(4, 75, "float"), random_name(6, 50, "pow2"), random_name(6, 50, "float"))
TEXT = """`python -m tests.benchmarks.peers --only alkaid`; rows with dashes were not run. Cores alone, counted as above, where da4ml, alkaid's
predecessor, stays for one release. Chains of quantised layers (tests/benchmarks/chains.py) are given to both as they are: inputs with ranges
of their own, activations as HGQ2's quantisers. "HGQ2-like": 16-20-16-12-5, so many weights a neuron, seven of ten of them one power of two,
inputs of 2 to 8 bits, activations of 2 to 6 whose integer bits are what 20,000 random frames need; they are random, not trained. `WRAP` and
`SAT` say what overflows do. The others are integer networks with thresholds. There alkaid gets all activations as `(m * acc + c) >> s` with
the constants of the fewest signed digits that reproduce the thresholds, as binary search, as comparators, and as tables of up to 64, 256 and
1,024 entries; the form that it estimates cheapest is traced with three solver settings, and the cheapest of these is written, once with its
ternary adders (its default) and once without. Yosys cannot pack ternary adders (it takes two LUTs for a column), so these are priced, one LUT
for each column by alkaid's own width formula, and the rest is Yosys' count. The ratio is to the lesser of the two; ours has no ternary adders.
Both answer 2,000 frames as the integers do: ours in Verilator (chains: by the integers of the import), alkaid's by its own emulation of its
network; its Verilog was not simulated."""
WHY = "sums are more than the bar alone; the ratio falls with the weights of a neuron."


def cases() -> list[tuple[str, int]]:
    """(network, adders between registers), those that matter most first: HGQ2's default is WRAP, the largest last."""
    names = sorted(chains.makers(), key=lambda name: name.endswith("SAT"))
    small = [*names, *PLAIN[:4], *list(INT8)[:1]]
    return [(name, every) for part in (small, [*list(INT8)[1:], *PLAIN[4:]]) for every in (1, 5) for name in part]


@cache
def subject(name: str):
    """(what alkaid is given, the simplified Accelerator)."""
    if name in chains.makers():
        chain = chains.makers()[name]()
        return chain, chains.built(chain)
    accelerator = int8_network(INT8[name]) if name in INT8 else network(name)[1]
    return accelerator, accelerator


def rows(context: Context) -> list[dict]:
    return [row(context, name, every) for name, every in cases()]


def row(context: Context, name: str, every: int) -> dict:
    mine = context.run(f"{name}, every {every}: ours", lambda: built(context.kept, subject(name)[1], every))
    peers = {mode: context.run(f"{name}, every {every}: alkaid, {mode}", lambda mode=mode: alkaid(context.kept, context.python, subject(name)[0],
                                                                                                 every, mode)) for mode in MODES}
    return {"name": name, "every": every, "ours": mine, **peers}


def built(kept: Kept, accelerator, every: int) -> dict:
    return ours(kept, accelerator, "unrolled", [Folding(registers_every=every)] * len(accelerator.layers), pairs=False)


def section(found: list[dict]) -> Section:
    columns = ("network", "adders a stage", "LUT: ours / binary", "ternary, priced", "ratio to the lesser", "alkaid's estimate", "form",
               "FF: ours / binary", "cycles: ours / binary")
    return Section("Unrolled, a frame a cycle: alkaid", TEXT, columns, [cells(row) for row in found], bars(found))


def worst_ratio(row: dict) -> float | None:
    """To the lesser of alkaid's counts, where both are there."""
    peers = [row[mode].get("lut") for mode in MODES]
    return None if None in peers else ratio(row["ours"], {"lut": min(peers)}, "lut")


def cells(row: dict) -> tuple[str, ...]:
    mine, binary, ternary = row["ours"], row["binary"], row["ternary"]
    form = binary["setting"].get("form", "quantisers") if "setting" in binary else "-"
    return (row["name"], str(row["every"]), pair(mine, binary, "lut"), number(ternary.get("lut")), number(worst_ratio(row), 2),
            number(binary.get("estimate")), form, pair(mine, binary, "ff"), pair(mine, binary, "latency"))


def bars(found: list[dict]) -> list[Bar]:
    told = []
    for every in (1, 5):
        stage = "a register after every adder" if every == 1 else f"one after every {every}"
        ratios = {row["name"]: worst_ratio(row) for row in found if row["every"] == every}
        for on, limit, names in groups():
            told.append(at_most(f"{on}, {stage}", f"LUT at most {limit} x alkaid's", {name: ratios[name] for name in names}, limit, why=WHY))
    return told


def groups() -> list[tuple[str, float, list[str]]]:
    """(kind of networks, bar, their names)."""
    likes = [name for name in chains.makers() if name != chains.POW2]
    floats = [name for name in PLAIN if name.endswith("float")]
    powers = [chains.POW2, *(name for name in PLAIN if name not in floats)]
    return [("HGQ2-like networks", 0.6, likes), ("power-of-two scales, alkaid", 0.65, powers),
            ("float scales, alkaid", 0.6, floats), ("8 bit of onnxruntime, alkaid", 0.6, list(INT8))]
