"""When each layer works: single frames through the Verilated RTL with every signal watched.

The simulation is compiled a second time, with tracing; of a frame that is alone in the design, the cycles in which the signals of a layer
change are those in which the layer works on it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finn_steps.tools.cache import cache_folder, cached, content_key
from finn_steps.tools.compile import run_compiler
from finn_steps.tools.processes import run_child
from finn_steps.rtl.design import TOP, Design
from finn_steps.rtlsim.objects import FLAGS, includes, versions
from finn_steps.rtlsim.verilator import verilate, verilator_root

HARNESS = Path(__file__).with_name("activity.cpp")
QUIET = 32
"""Cycles between an answer and the next frame, beside twice the design's II: all is at rest again."""
PATIENCE = 1_000_000
CONFIGURATION = "watched.vlt"


@dataclass(frozen=True)
class Work:
    """A layer, or what joins two: `first` and `last` of the cycles in which it works on a frame, counted from that in which the frame's first
    beat is taken."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Activity:
    """`latency_cycles` from a frame's first beat in to its answer's last beat out; `works` in the order of their beginning."""

    frames: int
    latency_cycles: int
    works: tuple[Work, ...]


def activity(rtl_folder: Path | str, x: np.ndarray) -> Activity:
    """Watch the frames x, int64 [N, MW], go through the design alone, one after the other. RuntimeError where it cannot be compiled."""
    design = Design.load(rtl_folder)
    program = _compile(design)
    into, out = design.input_stream, design.output_stream
    with tempfile.TemporaryDirectory(prefix="qapflow-activity-") as folder:
        frames, waves = Path(folder) / "frames", Path(folder) / "waves.vcd"
        frames.write_bytes(into.pack(x).tobytes())
        numbers = (len(x), into.beats, into.bytes, out.beats, out.bytes, QUIET + 2 * design.ii, PATIENCE)
        done = run_child([program.resolve(), frames, waves, *map(str, numbers)], text=False, cwd=design.folder)
        if done.returncode:
            raise RuntimeError(f"simulation of {design.folder}: {done.stderr.decode(errors='replace').strip() or done.returncode}")
        times = np.frombuffer(done.stdout, "<u8").astype(np.int64).reshape(-1, 2)
        with waves.open() as lines:
            works = works_of(changes(lines), parts_of(design), times)
    return Activity(len(x), int((times[:, 1] - times[:, 0]).max()), works)


@dataclass(frozen=True)
class Part:
    """Something whose work is told apart, by signals of `scope`: it begins as one that matches `begins` changes, and has ended when one that
    matches `ends` has changed for the last time. A register changes in the cycle after that of the work: `begun` and `ended` are 1 then."""

    name: str
    scope: str
    begins: re.Pattern
    ends: re.Pattern
    begun: int = 0
    ended: int = 0

    def sees(self, scope: str, signal: str) -> bool:
        return scope == self.scope and bool(self.begins.fullmatch(signal) or self.ends.fullmatch(signal))


def parts_of(design: Design) -> list[Part]:
    """The layers of every core by what its comments say of its signals, the other stages by the wires of the top module."""
    text, parts = (design.folder / f"{TOP}.sv").read_text(), []
    for stage in re.findall(r"^  wire \[\d+:0\] (\w+)_in_data;", text, re.M):
        core = design.folder / f"{stage}_core.sv"
        parts += core_parts(core.read_text(), f"{stage}_pipeline") if core.is_file() else [stage_part(stage, f" {stage}_take;" in text)]
    return parts


def core_parts(text: str, scope: str) -> Iterator[Part]:
    """Layers of an unrolled core are ranges of its nodes; of one of bit planes, prefixes, in their order."""
    for name, first, last in re.findall(r"^    // (\w+): n(\d+) to n(\d+)$", text, re.M):
        nodes = re.compile("|".join(f"n{node}" for node in range(int(first), int(last) + 1)))
        yield Part(name, scope, nodes, nodes)
    for place, name in enumerate(re.findall(r"^    // (.+): read in \d+ cycles from", text, re.M)):
        yield Part(name, scope, re.compile(f"l{place}_p"), re.compile(f"l{place}_r"), begun=1, ended=1)


def stage_part(stage: str, folded: bool) -> Part:
    """A folded layer works from the first input that it takes or keeps to the last answer that it keeps; another stage while it has a beat."""
    name = re.escape(stage)
    begins, ends = (f"{name}_(take|write)", f"{name}_valids") if folded else (f"{name}_in_valid", f"{name}_out_valid")
    return Part(stage, TOP, re.compile(begins), re.compile(ends), ended=1)


def works_of(seen: Iterable[tuple[int, str, str]], parts: list[Part], times: np.ndarray) -> tuple[Work, ...]:
    """From changes (cycle, scope, signal) and int64 [N, 2], the cycles in which frames were taken and answered: over all frames the first
    and the last cycle of each part's work. A part of which nothing ever changes is left out."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    known: dict[tuple[str, str], list[Part]] = {}
    for cycle, scope, signal in seen:
        frame = int(np.searchsorted(times[:, 0], cycle, side="right")) - 1
        if frame < 0:
            continue
        here = known.get((scope, signal))
        if here is None:
            here = known[scope, signal] = [part for part in parts if part.sees(scope, signal)]
        for part in here:
            at = cycle - int(times[frame, 0])
            if part.begins.fullmatch(signal):
                first[part.name] = min(at - part.begun, first.get(part.name, at - part.begun))
            if part.ends.fullmatch(signal):
                last[part.name] = max(at - part.ended, last.get(part.name, 0))
    found = [Work(name, first[name], max(first[name], last[name])) for name in first if name in last]
    return tuple(sorted(found, key=lambda work: (work.first, work.last)))


def changes(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """(time, scope, signal) of every change in a VCD; `scope` is the innermost. The values at its beginning are none."""
    names: dict[str, list[tuple[str, str]]] = {}
    scopes: list[str] = []
    time = first = -1
    for line in lines:
        words = line.split()
        if not words:
            continue
        if words[0] == "$scope":
            scopes.append(words[2])
        elif words[0] == "$upscope":
            scopes.pop()
        elif words[0] == "$var":
            names.setdefault(words[3], []).append((scopes[-1], words[4]))
        elif line[0] == "#":
            time = int(line[1:])
            first = time if first < 0 else first
        elif time > first and line[0] in "01b":
            for scope, signal in names[words[1] if line[0] == "b" else words[0][1:]]:
                yield time, scope, signal


def _compile(design: Design) -> Path:
    sources = {name: (design.folder / name).read_bytes() for name in design.files}
    parts = [part for item in sorted(sources.items()) for part in item]
    key = content_key("activity", versions(), HARNESS.read_bytes(), *parts)

    def build(folder: Path) -> None:
        for name, content in sources.items():
            (folder / name).write_bytes(content)
        (folder / CONFIGURATION).write_text(watched(design))
        generated = verilate(folder, "Vtop", TOP, [CONFIGURATION, *design.files], "--trace-vcd")
        units = [*(verilator_root() / "include" / name for name in LIBRARY), *sorted(generated.glob("*.cpp")), HARNESS]
        (generated / "all.cc").write_text('#include "Vtop.h"\n' + "".join(f'#include "{unit}"\n' for unit in units))
        ports = [] if design.interface == "stream" else ["-DNO_HANDSHAKE"]
        run_compiler([*FLAGS, "-O0", *ports, *includes(), f"-I{generated}", str(generated / "all.cc"), "-o", str(folder / "activity")])
        for path in generated.iterdir():
            path.unlink()
        generated.rmdir()

    return cached(cache_folder("activity"), key, build) / "activity"


LIBRARY = ("verilated.cpp", "verilated_threads.cpp", "verilated_vcd_c.cpp")


def watched(design: Design) -> str:
    """Verilator's configuration: of the library's modules and of sums nothing is watched, for the wires around them tell when they work."""
    watched = {f"{TOP}.sv", *(name for name in design.files if name.endswith("_core.sv"))}
    return "`verilator_config\n" + "".join(f'tracing_off -file "{name}"\n' for name in design.files if name not in watched)
