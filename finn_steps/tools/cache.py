"""A cache of built things by content: a folder for each key, there in full or not at all. Each says which key it is of and the sha256 of its
files, and is used only where both are true; what a disk or a hand has altered is made again."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOG = logging.getLogger(__name__)
MANIFEST = "entry.json"
"""In every entry: {"key": its name, "files": {path: sha256}}."""
FORMAT = "entries that are checked"
"""Part of every key: entries without a manifest, of earlier versions, are never met."""
WORKPLACE, REMAINS = ".building-", ".altered-"
ABANDONED_S = 60.0
"""A workplace that nobody holds is left alone for so long: between its making and the taking of its lock it looks abandoned."""


def cache_folder(kind: str) -> Path:
    """Where things of this kind are kept: $QAPFLOW_CACHE/<kind>, by default ~/.cache/qapflow/<kind>."""
    return Path(os.environ.get("QAPFLOW_CACHE") or Path.home() / ".cache" / "qapflow").expanduser() / kind


def content_key(*parts: str | bytes) -> str:
    """A hash of the parts and of where each ends."""
    digest = hashlib.sha256()
    for part in (FORMAT, *parts):
        part = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(part)}:".encode() + part)
    return digest.hexdigest()[:32]


def cached(folder: Path, key: str, build: Callable[[Path], None]) -> Path:
    """The folder `folder/key`, made by `build(empty folder)` if it is not there yet, or not as it was made.

    Two processes may build the same key at once; one result stays. A build that raises leaves nothing behind, and one that was killed
    only until the next.
    """
    found = kept(folder, key)
    if found is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with _workplace(folder) as workplace:
        build(workplace)
        (workplace / MANIFEST).write_text(json.dumps({"key": key, "files": _hashes(workplace)}))
        workplace.chmod(0o755)
        return _put(workplace, folder / key)


def kept(folder: Path, key: str) -> Path | None:
    """The folder `folder/key` where it is whole and unaltered; else None, and what stood there is gone."""
    target = folder / key
    if not os.path.lexists(target):
        return None
    if _sound(target):
        return target
    LOG.warning("%s is not as it was made; it is made again", target)
    _remove(target)
    return None


def _sound(entry: Path) -> bool:
    try:
        return json.loads((entry / MANIFEST).read_bytes()) == {"key": entry.name, "files": _hashes(entry)}
    except (OSError, ValueError):
        return False


def _hashes(entry: Path) -> dict[str, str]:
    """Of every file below but the manifest."""
    found = {}
    for path in sorted(entry.rglob("*")):
        if path.is_file() and path != entry / MANIFEST:
            with path.open("rb") as file:
                found[str(path.relative_to(entry))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _put(made: Path, target: Path) -> Path:
    """`made` in its place, or what another process has put there meanwhile."""
    try:
        return made.rename(target)
    except OSError:
        if not os.path.lexists(target):
            raise
    if not _sound(target):
        _remove(target)
        made.rename(target)
    return target


def _remove(target: Path) -> None:
    """Out of its place in one step, so that nobody meets half of it."""
    remains = Path(tempfile.mkdtemp(dir=target.parent, prefix=REMAINS))
    with suppress(FileNotFoundError):
        target.rename(remains / "entry")
    shutil.rmtree(remains, ignore_errors=True)


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards, locked as long as this process lives."""
    place = Path(tempfile.mkdtemp(dir=folder, prefix=WORKPLACE))
    handle = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield place
    finally:
        os.close(handle)
        shutil.rmtree(place, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove the workplaces of processes that were killed."""
    for place in [*folder.glob(f"{WORKPLACE}*"), *folder.glob(f"{REMAINS}*")]:
        with suppress(OSError):
            handle = os.open(place, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if place.stat().st_mtime < time.time() - ABANDONED_S:
                    shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(handle)
