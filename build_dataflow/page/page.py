"""One HTML file that needs nothing else: `write_page` puts facts, charts, style and scripts into the template."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from build_dataflow.page.alternatives import alternatives_of
from build_dataflow.page.bundle import vega
from build_dataflow.page.charts.spec import DASHES, SERIES, SHAPES
from build_dataflow.page.compare import compare
from build_dataflow.page.facts import Facts, at, told_apart
from build_dataflow.page.schedule import schedule_of
from build_dataflow.page.view import Measured, view
from finn_steps.tools.files import write_atomically

TEMPLATES = Path(__file__).with_name("templates")


def page_path(folders: Sequence[Path]) -> Path:
    """Where the page of these builds belongs: in the build's report/, or beside the first of several."""
    if len(folders) == 1:
        return folders[0] / "report" / "report.html"
    return folders[0].parent / f"report-{'-'.join(folder.name for folder in folders)}.html"


def write_page(
    folders: Sequence[Path], path: Path | None = None, measure: bool | None = None, say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write the page of one or several builds and return its path.

    measure  whether to simulate for the schedule where that is not known yet: None for small designs, True, False
    say      hears of what takes longer than a moment
    RuntimeError where the package with Vega is not installed; OSError where the file cannot be written.
    """
    path = path or page_path(folders)
    script = vega()
    builds = told_apart([Facts.read(folder, f"b{place}") for place, folder in enumerate(folders)])
    views = [view(build, Measured(schedule_of(build.folder, measure, say), alternatives_of(build, say))) for build in builds]
    text = environment().get_template("page.html").render(
        views=views, builds=builds, comparison=compare(builds) if len(builds) > 1 else None, title=" · ".join(build.name for build in builds),
        vega=Markup(script), script=source("page.js"), style=source("page.css"),
    )
    write_atomically(path, text.encode())
    return path


def page_or_reason(
    folders: Sequence[Path], path: Path | None = None, measure: bool | None = None, say: Callable[[str], None] = lambda text: None,
) -> tuple[Path | None, str]:
    """write_page for who has a report without it: the path, or None and why there is none."""
    try:
        return write_page(folders, path, measure, say), ""
    except (OSError, RuntimeError) as fault:
        return None, str(fault)


def environment() -> Environment:
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"form": form, "json": as_json, "percent": lambda share, digits=1: f"{share:.{digits}%}"}
    made.filters["marked"] = marked
    made.globals |= {"at": at, "series": SERIES, "dashes": DASHES, "shapes": [PATHS[shape] for shape in SHAPES]}
    return made


PATHS = {"circle": "M-4,0A4,4 0 1 0 4,0A4,4 0 1 0 -4,0Z", "square": "M-4,-4H4V4H-4Z", "triangle-up": "M0,-5L5,4H-5Z",
         "diamond": "M0,-5L5,0L0,5L-5,0Z",
         "cross": "M-5,-2H-2V-5H2V-2H5V2H2V5H-2V2H-5Z", "triangle-down": "M0,5L5,-4H-5Z"}
"""Vega's shapes, for legends."""


def marked(text: str) -> Markup:
    """Text with what stands in `backticks` as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def form(value: object, wanted: str = "") -> str:
    """A number in a format, thousands apart by default; a dash for None."""
    if value is None:
        return "–"
    return format(value, wanted or (",.6g" if isinstance(value, float) else ",")) if isinstance(value, (int, float)) else str(value)


def as_json(value: object) -> Markup:
    """For a script element: no text in it can end the element."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))


def source(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text())
