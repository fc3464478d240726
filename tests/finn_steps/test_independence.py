"""What says "equal" shares no code with what it checks: not the reading of a file, not the generator of the RTL."""

import ast
from pathlib import Path

import pytest

from build_dataflow.configuration import ROOT

FORBIDDEN = {
    "original": ("finn_steps.importer", "finn_steps.verification.reference"),
    "proof/from_file": ("finn_steps.importer", "finn_steps.original", "finn_steps.accelerator.simplify", "finn_steps.verification.reference", "finn_steps.rtl"),
    "proof": ("finn_steps.rtl", "finn_steps.emulator", "finn_steps.rtlsim", "finn_steps.folding"),
}


def reached_from(room: str) -> set[str]:
    """The modules of finn_steps that a room's modules import, and those that these do."""
    pending, seen = [path for path in (ROOT / "finn_steps" / room).glob("*.py")], set()
    while pending:
        for name in imported(pending.pop()) - seen:
            seen.add(name)
            path = ROOT / Path(*name.split("."))
            pending += [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return seen


def imported(path: Path) -> set[str]:
    """By the statements at a module's top: what is needed to import it."""
    nodes = ast.parse(path.read_text()).body
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name for name in names | {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
            if name.startswith("finn_steps")}


@pytest.mark.parametrize("room", FORBIDDEN)
def test_independent(room):
    reached = reached_from(room)
    assert "finn_steps.accelerator" in reached, "the room holds something to the Accelerator's integers"
    assert not [name for name in reached if name.startswith(FORBIDDEN[room])]
