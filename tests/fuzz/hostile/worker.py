"""Reads hostile inputs one after the other in this process, and tells of each in a line: `python -m tests.fuzz.hostile.worker`.

Seeds come in on standard input, JSON lines go out: one when an input is about to be read, one when it has been.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.hostile.files import case
from tests.fuzz.hostile.onnx_tensors import OUTSIDE
from tests.fuzz.hostile.reading import Found, found, held, held_keras, where

MOST_ADDRESSES = 12 * 2**30
"""Of the whole process: a guard for the machine, far above what is allowed."""
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "import pickle")
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")

_seen: list[str] | None = None


def main() -> None:
    kinds = sys.argv[1:] or [None]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    sys.addaudithook(audit)
    for line in sys.stdin:
        seed = int(line)
        with tempfile.TemporaryDirectory(prefix="qapflow-hostile-") as sandbox:
            print(json.dumps(one(seed, Path(sandbox), kinds[0], answers)), file=answers, flush=True)


def one(seed: int, sandbox: Path, kind: str | None, answers) -> dict:
    folder = sandbox / "input"
    folder.mkdir()
    try:
        made = case(seed, folder, kind)
    except Exception as error:  # noqa: BLE001
        told = traceback.format_exc()[-800:]
        return {"seed": seed, "kind": kind or "?", "found": "unmade", "detail": where(error), "told": told, "s": 0, "mb": 0}
    print(json.dumps({"seed": seed, "kind": made.kind, "told": made.told}), file=answers, flush=True)
    before = listing(sandbox)
    Path("/proc/self/clear_refs").write_text("5")
    started = time.process_time()
    with watched() as seen:
        result = found(made)
    seconds, mb = time.process_time() - started, peak_mb()
    if seen or listing(sandbox) != before:
        result = Found("touched", "; ".join(seen) or "the folder is another")
    if result.kind == "accepted" and made.kind in ("onnx", "keras"):
        result = held(made) if made.kind == "onnx" else held_keras(made)
    return {"seed": seed, "kind": made.kind, "found": result.kind, "detail": result.detail, "told": made.told, "s": round(seconds, 2), "mb": mb}


def listing(folder: Path) -> dict:
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def peak_mb() -> int:
    """Since it was last reset."""
    return next(int(line.split()[1]) // 1024 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is written anywhere, read outside of the input's folder where only a path in the input leads, or started."""
    global _seen
    _seen = seen = []
    try:
        yield seen
    finally:
        _seen = None


def audit(event: str, arguments: tuple) -> None:
    if _seen is None:
        return
    if event == "open":
        path, flags = str(arguments[0]), arguments[2] or 0
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if (writes and path != os.devnull and "__pycache__" not in path) or Path(path).name in (OUTSIDE, "hostname", "passwd", "zero"):
            _seen.append(f"opened {path}")
    elif event in PROGRAMS or event in CHANGES and "__pycache__" not in str(arguments):
        _seen.append(f"{event} {arguments[:1]}")
    elif event == "pickle.find_class":
        _seen.append(f"unpickled {arguments}")


if __name__ == "__main__":
    main()
