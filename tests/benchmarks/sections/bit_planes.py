"""The 75 %-zero 4-bit net over several cycles, as bit planes and bit-serial, against da4ml's one."""

from __future__ import annotations

from qonnx.core.datatype import DataType

from finn_steps.accelerator import Folding, SparseLayer
from tests.benchmarks.context import Context
from tests.benchmarks.networks import network
from tests.benchmarks.page import Bar, Section, at_most, number
from tests.benchmarks.unrolled import da4ml, ours

NET = "4 bit, 75 % zeros, pow2"
BUILT = ((4, "bit planes"), (8, "bit planes"), (8, "serial"), (13, "serial"))
"""Cycles from frame to frame, at the most; what the layers are."""
PEER_ADDERS = 5
TEXT = f"""The network `{NET}`, cores alone, counted as above. "Packed" are LUT6_2 after pairing LUTs that together read at
most five signals and share one ([packing_pairs.py](../tests/benchmarks/packing_pairs.py)). Serial layers take a bit of each
input in a cycle, as bit planes of one digit do, and older bits beside the newest: a shift is a delay, so that the digits of the
weights fill all columns of an accumulator ([serial.py](../finn_steps/rtl/serial.py)). Eight cycles leave the first layer, of 8-bit
inputs, no delay. `jet_qap` is beside it without a bar."""


def rows(context: Context) -> list[dict]:
    found = []
    for name in (NET, "jet_qap"):
        plain, simple = network(name)
        for ii, style in BUILT:
            foldings = [folding_of(layer, ii, style) for layer in simple.layers]
            mine = context.run(f"{name}, {style}, {ii} cycles", lambda: ours(context.kept, simple, "bitplane", foldings))
            peer = context.run(f"{name}: da4ml", lambda: da4ml(context.kept, context.python, (plain, simple), PEER_ADDERS))
            found.append({"name": name, "asked": ii, "style": style, "ours": mine, "peer": peer})
    return found


def folding_of(layer: SparseLayer, ii: int, style: str) -> Folding:
    """The least area of a style in `ii` cycles."""
    if style == "serial":
        return Folding("serial", max_cycles=ii)
    return Folding("bitplane", digits=-(-DataType[layer.idt].bitwidth() // ii))


def section(found: list[dict]) -> Section:
    columns = ("network", "II at most", "layers", "II", "LUT", "packed LUT6_2", "sites", "FF", "CARRY4", "levels", "cycles", "build s",
               "equal", "da4ml at II = 1: LUT", "ratio")
    keys = ("ii", "lut", "packed", "sites", "ff", "carry", "logic_levels", "latency")
    table = []
    for row in found:
        mine, peer = row["ours"], row["peer"]
        least = mine["lut"] / peer["lut"] if "lut" in mine and "lut" in peer else None
        figures = (*(number(mine.get(key)) for key in keys), number(mine.get("build_s"), 1))
        table.append((row["name"], str(row["asked"]), row["style"], *figures, mine.get("failed") or number(mine["equal"]),
                      number(peer.get("lut")), number(least, 2)))
    return Section("Bit planes and serial layers", TEXT, columns, table, bars(found))


def bars(found: list[dict]) -> list[Bar]:
    built = {(row["asked"], row["style"]): row for row in found if row["name"] == NET}
    four, eight, thirteen = (built[place]["ours"] for place in ((4, "bit planes"), (8, "serial"), (13, "serial")))
    theirs = built[4, "bit planes"]["peer"].get("lut")
    on = "75 %-zero 4-bit net"
    return [
        at_most(f"{on}, II = 4", "at most 2,600 LUT", {"": four.get("lut")}, 2600, 0),
        at_most(f"{on}, II = 4", f"LUT at most 0.35 x da4ml's II = 1 ({PEER_ADDERS} adders a stage)",
                {"": four["lut"] / theirs if "lut" in four and theirs else None}, 0.35),
        at_most(f"{on}, II = 8", "at most 2,100 LUT", {"": eight.get("lut")}, 2100, 0),
        at_most(f"{on}, II = 13", "at most 1,700 packed LUT6_2", {"": thirteen.get("packed")}, 1700, 0),
    ]
