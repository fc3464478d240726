"""The 75 %-zero 4-bit net over several cycles, against da4ml's one."""

from __future__ import annotations

from finn_steps.accelerator import Folding
from tests.benchmarks.context import Context
from tests.benchmarks.networks import network
from tests.benchmarks.page import Bar, Section, at_most, number
from tests.benchmarks.unrolled import da4ml, ours

NET = "4 bit, 75 % zeros, pow2"
DIGITS = {4: (2, 1, 1, 1), 8: (1, 1, 1, 1)}
PEER_ADDERS = 5
TEXT = f"""The network `{NET}`, cores alone, counted as above. "Packed" are LUT6_2 after pairing LUTs that together read at
most five signals and share one ([packing_pairs.py](../tests/benchmarks/packing_pairs.py)). The core of 8 cycles takes a frame
at any distance of 8 cycles or more, and is what a build takes for 13 too: nothing smaller is known for it. `jet_qap` is beside
it without a bar."""


def rows(context: Context) -> list[dict]:
    found = []
    for name in (NET, "jet_qap"):
        plain, simple = network(name)
        for ii, digits in DIGITS.items():
            foldings = [Folding("bitplane", digits=count) for count in digits]
            mine = context.run(f"{name}, bit planes, {ii} cycles", lambda: ours(context.kept, simple, "bitplane", foldings))
            peer = context.run(f"{name}: da4ml", lambda: da4ml(context.kept, context.python, (plain, simple), PEER_ADDERS))
            found.append({"name": name, "ii": ii, "ours": mine, "peer": peer})
    return found


def section(found: list[dict]) -> Section:
    columns = ("network", "II", "LUT", "packed LUT6_2", "sites", "FF", "CARRY4", "levels", "cycles", "build s", "equal",
               "da4ml at II = 1: LUT", "ratio")
    keys = ("lut", "packed", "sites", "ff", "carry", "logic_levels", "latency")
    table = []
    for row in found:
        mine, peer = row["ours"], row["peer"]
        least = mine["lut"] / peer["lut"] if "lut" in mine and "lut" in peer else None
        table.append((row["name"], str(row["ii"]), *(number(mine.get(key)) for key in keys), number(mine.get("build_s"), 1),
                      mine.get("failed") or number(mine["equal"]), number(peer.get("lut")), number(least, 2)))
    return Section("Bit planes", TEXT, columns, table, bars(found))


def bars(found: list[dict]) -> list[Bar]:
    by_ii = {row["ii"]: row for row in found if row["name"] == NET}
    four, eight = by_ii[4]["ours"], by_ii[8]["ours"]
    theirs = by_ii[4]["peer"].get("lut")
    on = "75 %-zero 4-bit net"
    return [
        at_most(f"{on}, II = 4", "at most 2,600 LUT", {"": four.get("lut")}, 2600, 0),
        at_most(f"{on}, II = 4", f"LUT at most 0.35 x da4ml's II = 1 ({PEER_ADDERS} adders a stage)",
                {"": four["lut"] / theirs if "lut" in four and theirs else None}, 0.35),
        at_most(f"{on}, II = 8", "at most 2,100 LUT", {"": eight.get("lut")}, 2100, 0),
        at_most(f"{on}, II = 13", "at most 1,700 packed LUT6_2", {"": eight.get("packed")}, 1700, 0),
    ]
