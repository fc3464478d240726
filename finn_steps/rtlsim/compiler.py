"""From an RTL folder to an executable simulation, once for each content; large modules by themselves, each once for its own (blocks.py)."""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from finn_steps.rtl.design import Design
from finn_steps.rtlsim.blocks import NEUTRAL, Block, Parts, part, stand_in
from finn_steps.rtlsim.objects import Compiler, megabytes, versions
from finn_steps.rtlsim.stand_in import CALLS, Port, calls, module, ports_of
from finn_steps.rtlsim.verilator import verilate
from finn_steps.tools.cache import cached, content_key
from finn_steps.tools.compile import compiler
from finn_steps.tools.processes import side_by_side

LOG = logging.getLogger(__name__)
HARNESS, STAND_IN = (Path(__file__).with_name(name) for name in ("harness.cpp", "stand_in.py"))
PROGRAM, MADE, PORTS = "simulation", "made.json", "ports.json"
LEVELS = ("-O0", "-O1")
COMPILING, CYCLE = {"-O0": 1.5, "-O1": 3.0}, {"-O0": 3.2e-6, "-O1": 1.1e-6}
"""Seconds of CPU, about, that g++ takes for a megabyte of Verilator's C++, and that a cycle of it then takes. Both are in proportion to
the size, so that the cycles decide alone, and how often a cycle runs what is compiled once."""


def compile_design(design: Design, cache_folder: Path, cycles: float = 0) -> Path:
    """The executable of a design. It reads the memory files from its working directory: other contents of them need no compiling.

    cycles  to be simulated, about: decides whether g++ optimises; what is there already takes no time to compile
    """
    sources = {name: (design.folder / name).read_bytes() for name in design.files}
    parts = part({name: text.decode() for name, text in sources.items()}, design.top)
    content = [item for pair in sorted(sources.items()) for item in pair]
    keys = {level: content_key(versions(), level, HARNESS.read_bytes(), STAND_IN.read_bytes(), design.top, *content) for level in LEVELS}
    there = [level for level in LEVELS if (cache_folder / keys[level]).is_dir()]
    making = _Making(design, parts, cache_folder, choose_level(there, cycles * parts.repeated), cycles)
    return cached(cache_folder, keys[making.level], making.program) / PROGRAM


def choose_level(there: list[str], cycles: float) -> str:
    """The level at which compiling, where it is not `there`, and simulating take least."""
    return min(LEVELS, key=lambda level: (level not in there) * COMPILING[level] + cycles * CYCLE[level])


class _Making:
    """One simulation: `program` makes it, from blocks and what is around them, each of which may be there already."""

    def __init__(self, design: Design, parts: Parts, cache_folder: Path, level: str, cycles: float):
        self.design, self.parts, self.cache_folder, self.level, self.cycles = design, parts, cache_folder, level, cycles

    def program(self, folder: Path) -> None:
        compiler()
        with side_by_side(os.cpu_count()) as pool, side_by_side(os.cpu_count()) as units:
            gcc = Compiler(self.level, self.cache_folder, units)
            blocks = list(pool.map(lambda block: self.block(block, gcc), self.parts.blocks))
            around = self.around([module(stand_in(place), ports_in(made)) for place, made in enumerate(blocks)], folder, gcc)
            names = [f"-Wl,--defsym={stand_in(place)}_{call}={block.library}_{call}"
                     for place, block in enumerate(self.parts.blocks) for call in CALLS]
            objects = [path for made in (*blocks, around) for path in sorted(made.glob("*.o"))]
            gcc.link(objects, folder / PROGRAM, *names)
        self._tell([*blocks, around])
        if around.parent == folder:
            shutil.rmtree(around)

    def block(self, block: Block, gcc: Compiler) -> Path:
        """The folder of a block's object files and of the text that stands for it, from the cache if it is there."""

        def make(workplace: Path) -> None:
            options = ["--lib-create", block.library, *(f"-G{name}={value}" for name, value in block.parameters)]
            generated = self._verilated(workplace, dict(block.files), f"V{block.library}", NEUTRAL, options)
            ports = ports_of((generated / f"{block.library}.sv").read_text())
            (workplace / PORTS).write_text(json.dumps([asdict(port) for port in ports]))
            (generated / f"{block.library}.cpp").write_text(calls(block.library, ports))
            self._compiled(workplace, generated, gcc)

        return cached(self.cache_folder, content_key("block", versions(), STAND_IN.read_bytes(), self.level, block.library), make)

    def around(self, stubs: list[str], folder: Path, gcc: Compiler) -> Path:
        """The folder of all other object files; in the cache where there are blocks, which it does not depend on but for their ports."""
        texts = {**{f"{stand_in(place)}.sv": text for place, text in enumerate(stubs)}, **self.parts.files}
        ports = [] if self.design.interface == "stream" else ["-DNO_HANDSHAKE"]

        def make(workplace: Path) -> None:
            self._compiled(workplace, self._verilated(workplace, texts, "Vtop", self.design.top, []), gcc, HARNESS, *ports)

        if not stubs:
            (folder / "around").mkdir()
            make(folder / "around")
            return folder / "around"
        content = [item for pair in texts.items() for item in pair]
        key = content_key("around", versions(), self.level, HARNESS.read_bytes(), self.design.top, *ports, *content)
        return cached(self.cache_folder, key, make)

    def _verilated(self, workplace: Path, texts: dict[str, str], prefix: str, top: str, options: list[str]) -> Path:
        """The folder of Verilator's C++ of these texts; MADE in `workplace` says how much it is."""
        for name, text in texts.items():
            (workplace / name).parent.mkdir(parents=True, exist_ok=True)
            (workplace / name).write_bytes(text.encode())
        try:
            generated = verilate(workplace, prefix, top, list(texts), *options)
        except RuntimeError as error:
            raise RuntimeError(f"Verilator rejects {self.design.folder}: {error}") from None
        (workplace / MADE).write_text(json.dumps({"megabytes": megabytes(generated), "top": top}))
        return generated

    def _compiled(self, workplace: Path, generated: Path, gcc: Compiler, harness: Path | None = None, *defines: str) -> None:
        """Objects of Verilator's C++, which goes, into `workplace`."""
        for path in gcc.objects(generated, harness, *defines):
            path.rename(workplace / path.name)
        shutil.rmtree(generated)

    def _tell(self, made: list[Path]) -> None:
        """What was compiled, and what both levels would take."""
        size = [json.loads((folder / MADE).read_text())["megabytes"] for folder in made]
        run = size[-1] + sum(each * block.instances for each, block in zip(size, self.parts.blocks))
        told = (f"{one} {sum(size) * COMPILING[one]:.1f} s and {run * CYCLE[one] * self.cycles:.1f} s" for one in LEVELS)
        apart = "" if not self.parts.blocks else (f" in {len(size)} parts, of which {sum(block.instances for block in self.parts.blocks)} "
                                                  f"instances make {run:.1f} MB")
        LOG.info("simulation of %s: g++ %s; %.1f MB of C++%s and about %s cycles, compiling and simulating: %s of CPU", self.design.folder,
                 self.level, sum(size), apart, f"{self.cycles:,.0f}", ", ".join(told))


def ports_in(made: Path) -> list[Port]:
    """Of a block, as its folder says."""
    return [Port(**port) for port in json.loads((made / PORTS).read_text())]
