"""A frame a cycle: ours beside da4ml's on the same integers."""

from __future__ import annotations

from finn_steps.accelerator import Folding
from tests.benchmarks.context import Context
from tests.benchmarks.networks import FINN, TRAINED, makers, network, random_name
from tests.benchmarks.page import Bar, Section, at_most, number, pair, ratio
from tests.benchmarks.unrolled import DA4ML_LIMIT_S, da4ml, ours

TEXT = f"""Cores alone, without stream handshake: all in LUTs and flip-flops, families as `synth_xilinx -family xcup`. Each
cell: ours / da4ml's. da4ml is traced with three solver settings on the network as given and as simplified, then with tables of
up to 64, 256 and 1,024 entries for thresholds that are no plain shift; what it estimates cheapest is built (at most
{DA4ML_LIMIT_S} s of tracing). Its thresholds are merged where equal and left out where unreachable. "Equal": of 2,000 random
frames (all least and all greatest among them) simulated in Verilator, how many answers are the integers'. Cycles do not count
da4ml's input register, which ours does not have; "least" is the least of all its settings. "Sites" are LUTs with those in
front of carry chains: Yosys ties a comparison with a constant to the chain without a LUT, where the device can reach a chain's
propagate input only through the LUT beside it ([lut_sites.py](../tests/benchmarks/lut_sites.py)). Build time is CPU time to
generate the RTL, one setting."""
WHY_FLOAT = """da4ml compares an accumulator with every threshold, and Yosys counts no LUT for a comparison with a constant: its
  bits go straight into the chain. On the device they pass through the LUTs beside it: the line below the bar counts those."""
WHY_SUMS = """
  Sums alone are more than the bar: our network of the same size and zeros with power-of-two scales, where an activation is hardly
  more than wires, takes up to {:.2f} of the LUTs of da4ml's with float scales."""


def cases() -> list[tuple[str, int]]:
    """(network, adders between registers), those that matter most first."""
    first = [(name, every) for name in (random_name(4, 75, "pow2"), random_name(4, 75, "float"), *TRAINED) for every in (1, 5)]
    grid = [(random_name(bits, zeros, scales), every) for zeros in (90, 95, 75, 50) for every in (5, 1) for bits in (4, 6)
            for scales in ("pow2", "float")]
    found = dict.fromkeys([*first, ("UNSW-NB15 w2a2", 5), *grid, *((name, 5) for name in FINN)])
    return [case for case in found if case[0] in makers()]


def rows(context: Context) -> list[dict]:
    return [row(context, name, every) for name, every in cases()]


def row(context: Context, name: str, every: int) -> dict:
    plain, simple = network(name)
    foldings = [Folding(registers_every=every)] * len(simple.layers)
    mine = context.run(f"{name}, every {every}: ours", lambda: ours(context.kept, simple, "unrolled", foldings))
    peer = context.run(f"{name}, every {every}: da4ml", lambda: da4ml(context.kept, context.python, (plain, simple), every))
    return {"name": name, "every": every, "ours": mine, "peer": peer}


def section(found: list[dict]) -> Section:
    columns = ("network", "adders a stage", "LUT", "ratio", "sites", "ratio", "FF", "CARRY4", "BRAM", "DSP", "II", "cycles",
               "levels", "build s", "equal", "da4ml's own LUT estimate")
    table = [cells(row) for row in sorted(found, key=lambda row: (row["every"], order(row["name"])))]
    return Section("Unrolled, a frame a cycle: da4ml", TEXT, columns, table, bars(found))


def order(name: str) -> tuple:
    return ("bit," in name, not name.startswith("jet"), name)


def cells(row: dict) -> tuple[str, ...]:
    mine, peer = row["ours"], row["peer"]
    keys = ("ff", "carry", "bram", "dsp", "ii")
    cycles = pair(mine, peer, "latency") + (f" (least {peer['least_latency']})" if "least_latency" in peer else "")
    areas = [cell for key in ("lut", "sites") for cell in (pair(mine, peer, key), number(ratio(mine, peer, key), 2))]
    told = [row["name"], str(row["every"]), *areas, *(pair(mine, peer, key) for key in keys), cycles,
            pair(mine, peer, "logic_levels"), pair(mine, peer, "build_s", 1), pair(mine, peer, "equal"),
            number(peer.get("estimate"))]
    failures = [f"{who}: {found['failed']}" for who, found in (("ours", mine), ("da4ml", peer)) if "failed" in found]
    return (*told[:-1], f"{told[-1]} ({'; '.join(failures)})") if failures else tuple(told)


def bars(found: list[dict]) -> list[Bar]:
    told = []
    for every in (1, 5):
        chosen = {row["name"]: row for row in found if row["every"] == every and row["name"] not in FINN}
        pow2 = {name: row for name, row in chosen.items() if not name.endswith("float")}
        floats = {name: row for name, row in chosen.items() if name.endswith("float")}
        stage = "a register after every adder" if every == 1 else f"one after every {every}"
        told.append(at_most(f"unrolled, power-of-two scales, {stage}", "LUT at most 0.85 x da4ml's", ratios(pow2, "lut"), 0.85))
        told.append(at_most(f"the same, {stage}", "cycles no more than da4ml's", ratios(pow2, "latency"), 1.0))
        on = f"unrolled, float scales, {stage}"
        told.append(at_most(on, "LUT at most 0.5 x da4ml's", ratios(floats, "lut"), 0.5, why=why_float(floats, pow2)))
        told.append(at_most(f"the same, {stage}", "(not the bar) LUT sites at most 0.5 x", ratios(floats, "sites"), 0.5))
    wrong = [row["name"] for row in found for side in ("ours", "peer") if row[side].get("equal", 2000) != 2000]
    run = any("equal" in row["ours"] for row in found)
    measured = ", ".join(wrong) or "2,000 of 2,000 frames of each that was run"
    told.append(Bar("all of them", "every frame equal", measured if run else "", not wrong if run else None))
    luts = {row["name"]: row["ours"].get("lut") for row in found if row["every"] == 5}
    if "UNSW-NB15 w2a2" in luts:
        told.append(at_most("UNSW-NB15 w2a2, II = 1", "at most 6,000 LUT", {"": luts["UNSW-NB15 w2a2"]}, 6000, 0))
    tfc = {"": ratio(row["ours"], row["peer"], "lut") for row in found if row["name"] == "TFC_2W2A" and row["every"] == 5}
    if tfc:
        told.append(at_most("TFC_2W2A, II = 1", "LUT at most 0.85 x da4ml's", tfc, 0.85))
    return told


def why_float(floats: dict[str, dict], pow2: dict[str, dict]) -> str:
    """What stands in the way of the bar on float scales."""
    sums = [ratio(pow2[twin]["ours"], row["peer"], "lut") for name, row in floats.items()
            if (twin := name.replace("float", "pow2")) in pow2]
    known = [value for value in sums if value is not None]
    return WHY_FLOAT + (WHY_SUMS.format(max(known)) if known else "")


def ratios(chosen: dict[str, dict], key: str) -> dict[str, float | None]:
    return {name: ratio(row["ours"], row["peer"], key) for name, row in chosen.items()}
