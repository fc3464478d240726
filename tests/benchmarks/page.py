"""docs/benchmarks.md out of measured rows: tables, and bars that are met or not by the numbers alone."""

from __future__ import annotations

import re
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


def page(sections: Sequence[Section], head: str, before: str = "") -> str:
    """The whole text. A section none of whose bars has a figure is taken from `before`, the page as it was, with its bars and its date; one
    that was not there either is left out."""
    old, old_bars, day = blocks(before), bars_told(before), date_of(before)
    sections = [section for section in sections if not before or section.title in old or any(map(has_figure, section.bars))]
    as_before = [section.title for section in sections if section.title in old and not any(map(has_figure, section.bars))]
    cells, reasons, text = [], "", ""
    for section in sections:
        kept = section.title in as_before
        cells += [old_bars.get(bar.cells[:2], bar.cells) if kept else bar.cells for bar in section.bars]
        reasons += "".join(_reason(bar, before if kept else None) for bar in section.bars)
        text += f"\n## {section.title}\n\n{_dated(old[section.title], day)}" if kept else section_text(section)
    told = f"\nWhat stands in the way:\n\n{reasons}" if reasons else ""
    return f"{head}\n## Bars\n\n{markdown_table(('on', 'bar', 'measured', ''), cells)}{told}{text}"


def has_figure(bar: Bar) -> bool:
    return any(map(str.isdigit, bar.measured))


def blocks(text: str) -> dict[str, str]:
    """Title -> what stands below it, of each section of a page."""
    parts = (part.partition("\n\n") for part in text.split("\n## ")[1:])
    return {title: f"{block.strip()}\n" for title, _, block in parts}


def bars_told(text: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """(on, bar) -> the line of the bar, of a page."""
    lines = blocks(text).get("Bars", "").splitlines()
    cells = (tuple(line.strip("| ").split(" | ")) for line in lines if line.startswith("| "))
    return {line[:2]: line for line in cells if len(line) == 4}


def date_of(text: str) -> str:
    """The day of a page."""
    found = re.search(r"on (\d{4}-\d\d-\d\d),", text)
    return found[1] if found else ""


def _dated(block: str, day: str) -> str:
    return block if block.startswith("(Measured on ") or not day else f"(Measured on {day}.)\n\n{block}"


def _reason(bar: Bar, before: str | None) -> str:
    """Why a bar is not met; of a section that is as before, what was said then."""
    if before is None:
        return f"- {bar.on}, {bar.bar}: {bar.why}\n" if bar.met is False and bar.why else ""
    start = before.find(f"\n- {bar.on}, {bar.bar}: ")
    if start < 0:
        return ""
    end = re.search(r"\n(?! )", before[start + 1:])
    return before[start + 1: start + 1 + end.end()] if end else before[start + 1:]


def section_text(section: Section) -> str:
    return f"\n## {section.title}\n\n{section.text}\n\n{markdown_table(section.columns, section.rows)}"


def section_of(text: str, title: str) -> str:
    """What a page has under this title, the heading and the line before it included; empty where it has none."""
    found = re.search(rf"\n## {re.escape(title)}\n.*?(?=\n## |\Z)", text, re.DOTALL)
    return found[0] if found else ""


def with_section(text: str, section: Section) -> str:
    """The page with this section, and its bars below the table, in the place of the one of its title, or at its end."""
    bars = markdown_table(("on", "bar", "measured", ""), [bar.cells for bar in section.bars])
    new, old = section_text(section) + (f"\n{bars}" if section.bars else ""), section_of(text, section.title)
    return text.replace(old, new) if old else text + new
