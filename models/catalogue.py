"""The networks of this repository: one folder a network, `models/<name>/train.yaml`."""

from __future__ import annotations

import difflib
from pathlib import Path

MODELS = Path(__file__).parent


def names() -> list[str]:
    return sorted(path.parent.name for path in MODELS.glob("*/train.yaml"))


def train_yaml(name: str) -> Path:
    """The training of network `name`, which may also be a path to a YAML file. ValueError with the nearest names if neither."""
    return find(name, "network", names(), lambda known: MODELS / known / "train.yaml")


def study_names() -> list[str]:
    return sorted(path.stem for path in (MODELS / "studies").glob("*.yaml"))


def study_yaml(name: str) -> Path:
    """The YAML of study `name`, which may also be a path to one. ValueError with the nearest names if neither."""
    return find(name, "study", study_names(), lambda known: MODELS / "studies" / f"{known}.yaml")


def find(name: str, what: str, known: list[str], place) -> Path:
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ValueError(f"{path}: no such file; give a {what} ({', '.join(known)}) or the path of its YAML")
        return path
    if name not in known:
        near = difflib.get_close_matches(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
        raise ValueError(f"no {what} '{name}'; {hint}")
    return place(name)
