"""A cache of built things by content: a folder for each key, there in full or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """Where things of this kind are kept: $QAPFLOW_CACHE/<kind>, by default ~/.cache/qapflow/<kind>."""
    return Path(os.environ.get("QAPFLOW_CACHE") or Path.home() / ".cache" / "qapflow").expanduser() / kind


def content_key(*parts: str | bytes) -> str:
    """A hash of the parts and of where each ends."""
    digest = hashlib.sha256()
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(part)}:".encode() + part)
    return digest.hexdigest()[:32]


def cached(folder: Path, key: str, build: Callable[[Path], None]) -> Path:
    """The folder `folder/key`, made by `build(empty folder)` if it is not there yet.

    Two processes may build the same key at once; one result stays. A build that raises leaves nothing behind.
    """
    target = folder / key
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(dir=folder, prefix=".building-"))
    try:
        build(workplace)
        workplace.chmod(0o755)
        try:
            workplace.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return target
