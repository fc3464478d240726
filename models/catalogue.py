"""The networks of this repository: one folder a network, `models/<name>/train.yaml`."""

from __future__ import annotations

import difflib
from pathlib import Path

MODELS = Path(__file__).parent


def names() -> list[str]:
    return sorted(path.parent.name for path in MODELS.glob("*/train.yaml"))


def train_yaml(name: str) -> Path:
    """The training of network `name`, which may also be a path to a YAML file. ValueError with the nearest names if neither."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ValueError(f"{path}: no such file; give a network ({', '.join(names())}) or a training's YAML")
        return path
    if name not in names():
        near = difflib.get_close_matches(name, names())
        hint = f"did you mean {' or '.join(near)}?" if near else f"networks: {', '.join(names())}"
        raise ValueError(f"no network '{name}' in {MODELS}; {hint}")
    return MODELS / name / "train.yaml"
