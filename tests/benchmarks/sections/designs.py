"""Whole accelerators at lower rates and within budgets, beside FINN's dense estimates at the same rate."""

from __future__ import annotations

from finn_steps.folding.tune import Limits
from tests.benchmarks.context import Context
from tests.benchmarks.designs import FRAMES, describe, design
from tests.benchmarks.finn_estimates import PUBLISHED, dense_estimate, dense_foldings
from tests.benchmarks.kept import network_content
from tests.benchmarks.networks import FINN, LARGE, makers, network
from tests.benchmarks.page import Bar, Section, number
from tests.benchmarks.unrolled import da4ml

BUDGET, BLOCKS = 20000, 280
WANTED = (
    *((name, 64, Limits()) for name in FINN),
    ("784-256-256-10", None, Limits(lut=BUDGET)),
    ("600-512-512-2", 512, Limits()),
    ("jet_qap", 64, Limits()),
    ("jet_dpp", 64, Limits()),
)
TEXT = f"""What `build --target-ii` and `--lut-budget` make: top level, streams and memories included, Yosys for 7 series with
LUTRAM and block RAM allowed (18 Kbit units). "Equal": of {FRAMES} frames, back to back and again under gaps and stalls. FINN's
figures are its own analysis passes over one dense MVAU_hls a layer at the published folding (UNSW's is from memory, unchecked),
or at the least PE x SIMD for our rate. An earlier estimate of whole FINN designs was higher (UNSW 14,682 LUT and 45 block RAMs,
TFC 15,378 and 57); nodes other than MVAUs may be why, which was not checked. FINN estimates, Yosys counts: the two are not the same kind of number. The large
networks are random, 90 % zeros; da4ml unrolls them or gives up."""


def rows(context: Context) -> list[dict]:
    found = []
    for name, ii, limits in WANTED:
        if name not in makers():
            continue
        plain, simple = network(name)
        mine = context.run(f"{name} at {ii or limits}: ours", lambda: design(context.kept, simple, ii, limits))
        rate = ii or int(mine.get("ii", 0)) or None
        row = {"name": name, "asked": f"II = {ii}" if ii else str(limits), "ours": mine}
        if rate:
            foldings = PUBLISHED.get(name) or dense_foldings(plain, rate)
            row["finn"] = context.run(f"{name}: FINN", lambda: finn(context, name, foldings))
        if name in LARGE:
            row["peer"] = context.run(f"{name}: da4ml", lambda: da4ml(context.kept, context.python, (plain, simple), 5))
        found.append(row)
    for name in FINN:
        if name in makers():
            foldings = tuple((layer.MH, layer.MW) for layer in network(name)[0].layers)
            found.append({"name": name, "asked": "II = 1, FINN only", "ours": {"failed": "above"},
                          "finn": context.run(f"{name}: FINN unrolled", lambda: finn(context, name, foldings))})
    return found


def finn(context: Context, name: str, foldings) -> dict:
    plain, _ = network(name)
    script = open(dense_estimate.__code__.co_filename).read()
    return context.kept("finn", [script, str(foldings), *network_content(plain)], lambda: dense_estimate(plain, foldings))


def section(found: list[dict]) -> Section:
    columns = ("network", "asked", "LUT", "of them LUTRAM", "FF", "CARRY4", "BRAM18", "DSP", "II", "cycles", "levels",
               "build s", "equal", "foldings", "FINN: LUT", "BRAM18", "II", "da4ml, unrolled")
    table = []
    for row in found:
        mine, finn_, peer = row["ours"], row.get("finn", {}), row.get("peer", {})
        keys = ("lut", "lutram", "ff", "carry", "bram", "dsp", "ii", "latency", "logic_levels")
        built = mine.get("failed") or describe(mine["foldings"])
        table.append((row["name"], row["asked"], *(number(mine.get(key)) for key in keys), number(mine.get("build_s"), 1),
                      number(mine.get("equal")), built, *(number(finn_.get(key)) for key in ("lut", "bram", "ii")),
                      peer.get("failed") or (f"{peer['lut']:,} LUT" if peer else "")))
    return Section("Whole accelerators: lower rates and budgets", TEXT, columns, table, bars(found))


def bars(found: list[dict]) -> list[Bar]:
    by_name = {row["name"]: row["ours"] for row in found if row["asked"] != "II = 1, FINN only"}
    told = []
    for name, (luts, blocks) in {"UNSW-NB15 w2a2": (1500, 8), "TFC_2W2A": (6000, None)}.items():
        mine = by_name.get(name, {})
        bar = f"at most {luts:,} LUT" + (f" and {blocks} BRAM18" if blocks else "")
        if "lut" not in mine:
            told.append(Bar(f"{name}, II = 64", bar, mine.get("failed", "not run"), None))
            continue
        met = mine["lut"] <= luts and (blocks is None or mine["bram"] <= blocks) and mine["ii"] <= 64 and mine["equal"] == FRAMES
        told.append(Bar(f"{name}, II = 64", bar, f"{mine['lut']:,} LUT, {mine['bram']} BRAM18, II {mine['ii']:g}", met))
    mine = by_name.get("784-256-256-10", {})
    measured, met = mine.get("failed", ""), None
    if "lut" in mine:
        equal = f"{mine['equal']} of {FRAMES} frames equal"
        measured = f"{mine['lut']:,} LUT, {mine['bram']} BRAM18 of {BLOCKS}, II {mine['ii']:g}, {equal}"
        met = mine["lut"] <= BUDGET and mine["bram"] <= BLOCKS and mine["equal"] == FRAMES
    on = f"784-256-256-10, 90 % zeros, `--lut-budget {BUDGET} --part xc7z020clg400-1`"
    told.append(Bar(on, "builds, exact, within budget", measured, met))
    return told
