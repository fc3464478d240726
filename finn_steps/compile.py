"""C++ to a shared library by one call of g++, kept by content."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of derived file: $QAPFLOW_CACHE/kind, by default ~/.cache/qapflow/kind."""
    base = os.environ.get("QAPFLOW_CACHE") or Path.home() / ".cache" / "qapflow"
    folder = Path(base) / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def compiler() -> str:
    """The path of g++; RuntimeError, naming the Debian package, where there is none."""
    path = shutil.which("g++")
    if path is None:
        raise RuntimeError("g++ was not found and the simulation needs it; install it (Debian, Ubuntu: apt install g++)")
    return path


def shared_library(sources: list[Path], flags: list[str]) -> Path:
    """Compile `sources` with `flags`; the same sources, flags, compiler and processor give the same file without compiling."""
    key = hashlib.sha256()
    for part in [compiler_version(), processor(), *flags, *(path.read_bytes().decode() for path in sources)]:
        key.update(part.encode() + b"\0")
    library = cache_folder("compiled") / f"{key.hexdigest()[:32]}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            made = Path(folder) / library.name
            run_compiler([*flags, "-shared", "-fPIC", "-o", str(made), *map(str, sources)])
            os.replace(made, library)
    return library


def run_compiler(arguments: list[str]) -> None:
    """Run g++; RuntimeError with its first error line where it fails."""
    done = subprocess.run([compiler(), *arguments], capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.splitlines() or ["no message"]
        error = next((line for line in lines if "error" in line), lines[0])
        raise RuntimeError(f"g++ failed: {error}")


def compiler_version() -> str:
    return subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True).stdout


def processor() -> str:
    """What -march=native depends on: the processor's name and its instruction-set flags."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(("model name", "flags", "Features"))))
