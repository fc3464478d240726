"""Cycles of folded layers against nonzeros / (PE x SIMD), and against FINN's, which are MW x MH / (PE x SIMD)."""

from __future__ import annotations

import inspect

from finn_steps.folding.schedule import schedule
from tests.benchmarks import cycles
from tests.benchmarks.context import Context
from tests.benchmarks.page import Section, at_most

TEXT = f"""The schedule that the RTL follows; that it does is tested cycle by cycle (tests/finn_steps/rtl/test_folded.py).
Foldings whose ideal is below {cycles.LEAST_CYCLES} cycles are left out: there one cycle more is 8 % or more. The shipped
networks are as a build makes them, dead neurons gone, which leaves `jet_dpp` with rows of unequal length."""


def rows(context: Context) -> list[dict]:
    parts = [inspect.getsource(inspect.getmodule(schedule)), inspect.getsource(cycles)]
    found = context.run("cycles of folded layers", lambda: {"rows": context.kept("cycles", parts, lambda: list(cycles.rows()))})
    return found.get("rows", [])


def section(found: list[dict]) -> Section:
    columns = ("layer", "rows", "nonzeros", "PE", "SIMD", "cycles", "nonzeros / (PE x SIMD)", "over it", "FINN's cycles")
    whole = ("nonzeros", "PE", "SIMD", "cycles")
    table = [(row["name"], row["kind"], *(f"{row[key]:,}" for key in whole), f"{row['ideal']:,.1f}", f"{row['over']:.3f}",
              f"{row['dense']:,.0f}") for row in found]
    bars = []
    for kind, limit in (("k of n", 1.05), ("magnitude", 1.15)):
        values = {f"{row['name']}, PE {row['PE']} SIMD {row['SIMD']}": row["over"] for row in found if row["kind"] == kind}
        bars.append(at_most(f"folded, {kind} rows", f"cycles at most {limit} x nonzeros / (PE x SIMD)", values, limit, 3))
    return Section("Folded layers: cycles", TEXT, columns, table, bars)
