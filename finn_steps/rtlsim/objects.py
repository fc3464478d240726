"""g++: from Verilator's C++ to object files, in units of bounded size, on all cores."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from finn_steps.rtlsim.verilator import verilator_root, verilator_version
from finn_steps.tools.cache import cached, content_key
from finn_steps.tools.compile import compiler_version, run_compiler

FLAGS = ("-std=c++14", "-w", "-pthread")
UNIT = {"-O0": 2_000_000, "-O1": 1_000_000}
"""Bytes of C++ compiled at once, by level, more only if a file of Verilator's is larger: g++ takes 250 to 300 MB for them. Fewer would read
the header more often than they share the work."""
HEADER, LIBRARY = "precompiled.hpp", "library.o"
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")


class Compiler:
    """g++ at one level (-O0, -O1) with what every simulation shares; `pool` runs a unit a thread."""

    def __init__(self, level: str, cache_folder: Path, pool: ThreadPoolExecutor):
        self.level, self.pool = level, pool
        self._header = pool.submit(header, cache_folder, level)
        self._library = pool.submit(lambda: library(cache_folder, self._header.result()))

    def objects(self, generated: Path, harness: Path | None = None, *options: str) -> list[Path]:
        """The object files of the C++ in a folder, beside it; with `harness`, of that too, which includes Vtop.h."""
        chosen = [*FLAGS, self.level, *options, *includes(), "-include", str(self._header.result().resolve())]
        names = units(generated, UNIT[self.level], harness)
        return list(self.pool.map(lambda name: compiled(chosen, name, generated), names))

    def link(self, objects: list[Path], program: Path, *options: str) -> None:
        run_compiler([*FLAGS, *(str(path.resolve()) for path in (*objects, self._library.result())), *options, "-o", str(program.resolve())])


def compiled(options: list[str], unit: str, generated: Path) -> Path:
    run_compiler([*options, "-c", unit, "-o", f"{unit}.o"], generated)
    return generated / f"{unit}.o"


def units(generated: Path, most: int, harness: Path | None = None) -> list[str]:
    """Files to compile, each of which includes some of Verilator's, `most` bytes; the first of them the harness."""
    groups, size = [[]], 0
    if harness is not None:
        shutil.copy(harness, generated)
        groups = [['#include "Vtop.h"\n', f'#include "{harness.name}"\n']]
    for path in sorted(generated.glob("*.cpp")):
        if harness is not None and path.name == harness.name:
            continue
        size += path.stat().st_size
        if size > most:
            groups, size = [*groups, []], path.stat().st_size
        groups[-1].append(f'#include "{path.name}"\n')
    names = [f"unit{number}.cc" for number in range(len(groups))]
    for name, included in zip(names, groups):
        (generated / name).write_text("".join(included))
    return names


def megabytes(generated: Path) -> float:
    """Of Verilator's C++."""
    return sum(path.stat().st_size for path in generated.glob("*.cpp")) / 1e6


def library(cache_folder: Path, precompiled: Path) -> Path:
    """Verilator's own library as an object file, once on a machine. Hardly any of a simulation's time is spent in it, so that it is
    not optimised. `precompiled`: header() of any level; that of -O0 saves a fifth."""

    def build(folder: Path) -> None:
        sources = (verilator_root() / "include" / name for name in RUNTIME)
        (folder / "library.cc").write_text("".join(f'#include "{source}"\n' for source in sources))
        chosen = [*FLAGS, "-O0", *includes(), "-include", str(precompiled.resolve())]
        run_compiler([*chosen, "-c", "library.cc", "-o", LIBRARY], folder)

    return cached(cache_folder, content_key("library", versions(), str(verilator_root())), build) / LIBRARY


def header(cache_folder: Path, level: str) -> Path:
    """The header that every simulation includes, precompiled, once on a machine."""

    def build(folder: Path) -> None:
        (folder / HEADER).write_text('#include "verilated.h"\n')
        run_compiler([*FLAGS, level, *includes(), "-x", "c++-header", HEADER, "-o", f"{HEADER}.gch"], folder)

    return cached(cache_folder, content_key("header", level, versions(), str(verilator_root())), build) / HEADER


def includes() -> list[str]:
    return [f"-I{verilator_root() / 'include'}", f"-I{verilator_root() / 'include' / 'vltstd'}"]


@cache
def versions() -> str:
    """Versions of Verilator and g++ and the flags: what a compiled simulation depends on besides its sources."""
    return f"{verilator_version()}, {compiler_version()}, {' '.join((*FLAGS, *RUNTIME))}"
