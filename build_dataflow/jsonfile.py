"""JSON files that are either whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

from finn_steps.tools.files import write_atomically


def write_json(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path) -> dict | None:
    """The content, or None where there is no such file."""
    return json.loads(path.read_text()) if path.is_file() else None
