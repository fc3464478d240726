"""What has been compiled once is used only as it was made: a folder of the cache says its name and the sha256 of its files.

finn_steps/tools/cache.py does the same for builds; deploy/ imports nothing of finn_steps/."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

MANIFEST = "entry.json"


def is_kept(place: Path) -> bool:
    """Whether the folder is there, whole and unaltered; what is there otherwise is removed."""
    if not os.path.lexists(place):
        return False
    try:
        if json.loads((place / MANIFEST).read_bytes()) == {"key": place.name, "files": hashes(place)}:
            return True
    except (OSError, ValueError):
        pass
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".altered.") as remains:
        os.replace(place, Path(remains) / "entry")
    return False


def keep(made: Path, place: Path) -> None:
    """Put a finished folder in its place, unless another process was faster."""
    (made / MANIFEST).write_text(json.dumps({"key": place.name, "files": hashes(made)}))
    try:
        os.replace(made, place)
    except OSError:
        if is_kept(place):
            shutil.rmtree(made)
            return
        os.replace(made, place)


def hashes(folder: Path) -> dict[str, str]:
    """Of every file below but the manifest."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / MANIFEST]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
