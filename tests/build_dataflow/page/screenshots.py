"""Pictures of the report of a build, for docs/report: `python -m tests.build_dataflow.page.screenshots jet_qap`; with more builds also one of
several side by side."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from build_dataflow.configuration import ROOT
from build_dataflow.page.page import write_page
from build_dataflow.report import find_build
from tests.build_dataflow.page.browser import Page, browser

PICTURES = ROOT / "docs" / "report"
SIZES = {1280: (False, True), 390: (False, True)}
"""Width in pixels: light, dark."""
COLOURS = 96


def main(names: list[str]) -> None:
    folders = [find_build(name) for name in names]
    PICTURES.mkdir(exist_ok=True)
    with browser() as tab, tempfile.TemporaryDirectory() as folder:
        page = write_page(folders[:1], Path(folder) / "page.html")
        for width, themes in SIZES.items():
            for dark in themes:
                tab.open(page, width, dark=dark)
                take(tab, PICTURES / f"{width}-{'dark' if dark else 'light'}.png")
        if len(folders) > 1:
            tab.open(write_page(folders, Path(folder) / "pages.html"), 1280)
            bottom = tab.evaluate("Math.ceil(document.getElementById('compare').getBoundingClientRect().bottom)")
            take(tab, PICTURES / "side-by-side.png", bottom + 16)


def take(tab: Page, path: Path, height: int | None = None) -> None:
    """A PNG of few colours: a tenth of the size."""
    tab.screenshot(path, height)
    picture = Image.open(path).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
