"""Optional packages, installed into the running environment when a command needs them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"


def missing(extra: str) -> list[str]:
    """The pins of `requirements/<extra>.txt` that the running environment does not satisfy."""
    lines = (REQUIREMENTS / f"{extra}.txt").read_text().splitlines()
    pins = [line.rstrip(" \\") for line in lines if line[:1].isalpha()]
    return [pin for pin in pins if _installed(pin.split("==")[0]) != pin.split("==")[1]]


def ensure(extra: str, say=print) -> None:
    """Install what is missing of `requirements/<extra>.txt`. Raises RuntimeError, with pip's last line, when pip fails."""
    pins = missing(extra)
    if not pins:
        return
    say(f"installing {', '.join(pins)} into {sys.prefix} (once)")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes",
           "-r", str(REQUIREMENTS / f"{extra}.txt")]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{', '.join(pins)} could not be installed: {reason}; by hand: pip install --no-deps -r requirements/{extra}.txt")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
