"""pynq's environment: .venv-board in the checkout, or in the cache, made from requirements/board.txt when it is first needed (pynq wants numpy<2)."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path

from deploy.children import run_child

ROOT = Path(__file__).resolve().parent.parent
LOCK_FILE = ROOT / "requirements" / "board.txt"


def board_python(say=lambda text: None) -> Path:
    """The interpreter of .venv-board (or $QAPFLOW_VENV_BOARD), which is made or made anew where requirements/board.txt changed.

    Two callers at once make it once. RuntimeError with pip's last line where that fails."""
    folder = Path(os.environ.get("QAPFLOW_VENV_BOARD") or home() / ".venv-board")
    python, stamp, recipe = folder / "bin" / "python", folder / "stamp", f"{sys.version_info[:2]}\n{LOCK_FILE.read_text()}"
    if _is(stamp, recipe):
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f"{folder.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is(stamp, recipe):
            say(f"making {folder} for pynq (once) …")
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(folder)])
            _run(
                [
                    str(python),
                    "-m",
                    "pip",
                    "install",
                    "--disable-pip-version-check",
                    "--no-input",
                    "--no-deps",
                    "--require-hashes",
                    "-r",
                    str(LOCK_FILE),
                ]
            )
            stamp.write_text(recipe)
    return python


def home() -> Path:
    """The checkout; the cache where pip has installed us."""
    cache = Path(os.environ.get("QAPFLOW_CACHE") or Path.home() / ".cache" / "qapflow").expanduser()
    return ROOT if (ROOT / "run-local.sh").is_file() else cache


def _is(stamp: Path, recipe: str) -> bool:
    return stamp.is_file() and stamp.read_text() == recipe


def _run(command: list[str]) -> None:
    done = run_child(command)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise RuntimeError(f"the environment for pynq could not be made: {lines[-1]}")
