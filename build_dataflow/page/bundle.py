"""Vega, Vega-Lite and Vega-Embed as one script, out of the package vl-convert-python; nothing is fetched."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

from finn_steps.tools.cache import cache_folder, cached, content_key

VEGA_LITE = "6.4"
FILE = "vega.js"


def vega() -> str:
    """The script. RuntimeError where the package is not installed."""
    if importlib.util.find_spec("vl_convert") is None:
        raise RuntimeError("the page's charts need the package vl-convert-python, which requirements/base.txt pins: ./run-local.sh installs it")

    def bundle(folder: Path) -> None:
        import vl_convert

        (folder / FILE).write_text(vl_convert.javascript_bundle(SNIPPET, vl_version=VEGA_LITE))

    key = content_key("vega", importlib.metadata.version("vl-convert-python"), VEGA_LITE, SNIPPET)
    return (cached(cache_folder("page"), key, bundle) / FILE).read_text()


SNIPPET = "window.vegaEmbed = vegaEmbed;"
