"""Routed clocks on an ECP5, ours against da4ml's at its fastest pipelining."""

from __future__ import annotations

import re

from finn_steps.accelerator import Folding
from finn_steps.rtl.core import Core
from tests.benchmarks.context import Context
from tests.benchmarks.networks import network
from tests.benchmarks.page import Bar, Section, number, pair
from tests.benchmarks.routed import DEVICE, SEEDS, routed, shell
from tests.benchmarks.unrolled import da4ml, made_core, made_peer, ours, peer_sources

NETS = ("jet_qap", "4 bit, 75 % zeros, pow2")
EVERY = 1
TEXT = f"""A register after every adder, both in the same shell of shift registers, nextpnr-ecp5 {' '.join(DEVICE[:1])}, seeds
{', '.join(map(str, SEEDS))}. Ratios of the medians only: an ECP5 is not a Xilinx part. Its logic is of LUTs of four inputs
with an adder of two bits; ours is written for LUTs of six with a carry chain behind each, so every table of five inputs before
one of our chains is one level more here than on the device it is made for. LUT by Yosys for UltraScale+ as above; COMB are the
ECP5's LUTs, chains included."""


def rows(context: Context) -> list[dict]:
    return [row(context, name) for name in NETS]


def row(context: Context, name: str) -> dict:
    plain, simple = network(name)
    foldings = [Folding(registers_every=EVERY)] * len(simple.layers)

    def mine() -> dict:
        core = Core(**made_core(context.kept, simple, "unrolled", foldings)["core"])
        top = shell(core.module, core.input_bits, core.output_bits, ("clk", "x", "y"))
        return routed(context.kept, context.nextpnr, {"core.sv": core.verilog, "shell.v": top}, "shell") | \
            {"lut": ours(context.kept, simple, "unrolled", foldings).get("lut")}

    def theirs() -> dict:
        made = made_peer(context.kept, context.python, (plain, simple), EVERY)
        if "failed" in made:
            return made
        widths = [int(width) + 1 for width in re.findall(r"\[(\d+):0\] model_(?:inp|out)[,\s]", made["files"]["da4ml_net.v"])]
        top = shell("da4ml_net", widths[0], widths[1], ("clk", "model_inp", "model_out"))
        return routed(context.kept, context.nextpnr, {**peer_sources(made), "shell.v": top}, "shell") | \
            {"lut": da4ml(context.kept, context.python, (plain, simple), EVERY).get("lut")}

    return {"name": name, "ours": context.run(f"{name}: our clock", mine), "peer": context.run(f"{name}: da4ml's clock", theirs)}


def section(found: list[dict]) -> Section:
    columns = ("network", "MHz of each seed: ours", "da4ml's", "ratio of medians", "LUT", "COMB", "FF", "what bounds ours",
               "what bounds da4ml's")
    table, bars = [], []
    for row in found:
        mine, peer = row["ours"], row["peer"]
        faster = median(mine) / median(peer) if median(mine) and median(peer) else None
        used = [pair(mine, peer, key) for key in ("lut", "comb", "ff")]
        table.append((row["name"], speeds(mine), speeds(peer), number(faster, 2), *used, path(mine), path(peer)))
        fewer = mine["lut"] <= peer["lut"] if mine.get("lut") and peer.get("lut") else None
        told, seeds = "", min(len(mine.get("mhz", ())), len(peer.get("mhz", ())))
        if faster is not None:
            told = f"{faster:.2f} x, LUT {pair(mine, peer, 'lut')}, {seeds} of {len(SEEDS)} seeds"
        bars.append(Bar(f"routed clock (ECP5), {row['name']}", "at least 1.0 x da4ml's, LUT no more", told,
                        None if faster is None or fewer is None or seeds < len(SEEDS) else faster >= 1.0 and fewer))
    return Section("Routed clock", TEXT, columns, table, bars)


def median(found: dict) -> float | None:
    return sorted(found["mhz"])[len(found["mhz"]) // 2] if "mhz" in found else None


def speeds(found: dict) -> str:
    return found.get("failed") or ", ".join(f"{mhz:g}" for mhz in found["mhz"])


def path(found: dict) -> str:
    """ns of logic and of routing on the slowest path, and how many cells it goes through."""
    steps = [line.split() for line in found.get("critical", [])]
    logic = sum(float(step[1]) for step in steps if step[0] != "routing")
    wires = [float(step[1]) for step in steps if step[0] == "routing"]
    return f"{logic:.1f} ns logic, {sum(wires):.1f} ns routing over {sum(wire > 0.2 for wire in wires)} nets" if steps else ""
