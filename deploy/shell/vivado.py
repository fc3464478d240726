"""Find Vivado: in PATH, or under the folder that FINN's users name in FINN_XILINX_PATH."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path


def find_vivado() -> Path:
    """The `vivado` program. FileNotFoundError says where it was looked for and what would help."""
    found = shutil.which("vivado")
    if found:
        return Path(found)
    root, version = os.environ.get("FINN_XILINX_PATH"), os.environ.get("FINN_XILINX_VERSION")
    if not root:
        raise FileNotFoundError(
            "Vivado is needed for a bitstream: no `vivado` in PATH, and FINN_XILINX_PATH is not set;"
            " source Vivado's settings64.sh, or set FINN_XILINX_PATH (and FINN_XILINX_VERSION) to the Xilinx folder"
        )
    if not Path(root).is_dir():
        raise FileNotFoundError(f"FINN_XILINX_PATH is {root}, which is no folder here; in the container it must be mounted")
    programs = sorted([*Path(root).glob("Vivado/*/bin/vivado"), *Path(root).glob("*/Vivado/bin/vivado")], key=release)
    if not programs:
        raise FileNotFoundError(f"FINN_XILINX_PATH is {root}, but there is no Vivado/VERSION/bin/vivado in it")
    if version:
        programs = [p for p in programs if release(p) == release(Path(version))] or _no_version(root, version, programs)
    return programs[-1]


def release(path: Path) -> tuple[int, ...]:
    """The version in a path, (2022, 2), or () where there is none."""
    match = re.search(r"(20\d\d)\.(\d)", str(path))
    return tuple(int(part) for part in match.groups()) if match else ()


def _no_version(root: str, version: str, programs: list[Path]):
    have = ", ".join(".".join(map(str, release(p))) for p in programs)
    raise FileNotFoundError(f"FINN_XILINX_VERSION is {version}, but {root} has Vivado {have}")
