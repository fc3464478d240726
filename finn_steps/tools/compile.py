"""C++ to a shared library by one call of g++, kept by content."""

from __future__ import annotations

import platform
import shutil
from functools import cache
from pathlib import Path

from finn_steps.tools.cache import cache_folder, cached, content_key
from finn_steps.tools.processes import run_child


def shared_library(sources: list[Path], flags: list[str]) -> Path:
    """Compile `sources` with `flags`; the same sources, flags, compiler and processor give the same file without compiling."""
    key = content_key(compiler_version(), processor(), *flags, *(path.read_bytes() for path in sources))

    def build(folder: Path) -> None:
        run_compiler([*flags, "-shared", "-fPIC", "-o", str(folder / "library.so"), *map(str, sources)])

    return cached(cache_folder("compiled"), key, build) / "library.so"


def compiler() -> str:
    """The path of g++; RuntimeError, naming the Debian package, where there is none."""
    path = shutil.which("g++")
    if path is None:
        raise RuntimeError("g++ was not found and the simulation needs it; install it (Debian, Ubuntu: apt install g++)")
    return path


def run_compiler(arguments: list[str], folder: Path | None = None) -> None:
    """Run g++ in `folder`; RuntimeError with its first error line where it fails."""
    done = run_child([compiler(), *arguments], waits=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"g++ failed: {reason(done.stderr)}")


def reason(told: str) -> str:
    """The line that says why: of the compiler "error:", of the linker "failed:"; collect2 only adds that there was one."""
    lines = [line for line in told.splitlines() if not line.startswith("collect2:")] or ["no message"]
    return next((line for line in lines if "error" in line or "failed:" in line), lines[0])


@cache
def compiler_version() -> str:
    return run_child([compiler(), "--version"]).stdout


def processor() -> str:
    """What -march=native depends on: the processor's name and its instruction-set flags."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(("model name", "flags", "Features"))))
