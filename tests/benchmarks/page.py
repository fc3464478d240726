"""docs/benchmarks.md out of measured rows: tables, and bars that are met or not by the numbers alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One line of "How it is judged": `met` follows from numbers, None where too little was run to tell. `why` is what stands in
    the way, told only where it is not met."""

    on: str
    bar: str
    measured: str
    met: bool | None
    why: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        unknown = "open" if self.measured else "not run"
        return self.on, self.bar, self.measured, {True: "met", False: "**not met**", None: unknown}[self.met]


@dataclass(frozen=True)
class Section:
    """A heading, text, a table and its bars."""

    title: str
    text: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    bars: list[Bar]


def at_most(on: str, bar: str, values: dict[str, float | None], limit: float, digits: int = 2, why: str = "") -> Bar:
    """A bar that every value of `values` (name -> value; None: not run) must keep: the worst is told."""
    run = {name: value for name, value in values.items() if value is not None}
    if not run:
        return Bar(on, bar, "", None)
    worst = max(run, key=run.get)
    measured = f"{run[worst]:,.{digits}f}"
    if len(values) > 1:
        median = sorted(run.values())[len(run) // 2]
        measured += f" at worst ({worst}); median {median:,.{digits}f}; {len(run)} of {len(values)} run"
    met = run[worst] <= limit
    return Bar(on, bar, measured, met if len(run) == len(values) or not met else None, why)


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def pair(ours: dict | None, peer: dict | None, key: str, digits: int = 0) -> str:
    """"ours / peer's", with a dash for what is not there."""
    return f"{number((ours or {}).get(key), digits)} / {number((peer or {}).get(key), digits)}"


def ratio(ours: dict | None, peer: dict | None, key: str) -> float | None:
    """ours / peer's, None where either is missing."""
    mine, theirs = (ours or {}).get(key), (peer or {}).get(key)
    return None if mine is None or not theirs else mine / theirs


def page(sections: Sequence[Section], head: str) -> str:
    """The whole text."""
    bars = [bar.cells for section in sections for bar in section.bars]
    text = f"{head}\n## Bars\n\n{markdown_table(('on', 'bar', 'measured', ''), bars)}"
    missed = [bar for section in sections for bar in section.bars if bar.met is False and bar.why]
    reasons = [f"- {bar.on}, {bar.bar}: {bar.why}\n" for bar in missed]
    text += "\nWhat stands in the way:\n\n" + "".join(reasons) if reasons else ""
    for section in sections:
        text += f"\n## {section.title}\n\n{section.text}\n\n{markdown_table(section.columns, section.rows)}"
    return text
