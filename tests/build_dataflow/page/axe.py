"""axe-core, out of the package axe-playwright-python, in a page that is open already."""

from __future__ import annotations

import importlib.util
from pathlib import Path

RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"


def violations(tab) -> list[str] | None:
    """A line for each; None where axe-core is not installed."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        return None
    script = next(Path(found.submodule_search_locations[0]).rglob("axe.min.js"))
    tab.evaluate(script.read_text() + "; true")
    return tab.evaluate(f"axe.run(document, {RULES}).then((told) => told.violations.map((v) => "
                        "`${v.id}: ${v.help}: ${v.nodes.length} x ${v.nodes[0].html.slice(0, 120)}`))")
