"""The networks of this repository: one folder a network, `models/<name>/train.yaml`."""

from __future__ import annotations

import difflib
from pathlib import Path

MODELS = Path(__file__).parent


def own_models() -> Path:
    """Where networks of one's own go: beside the shipped ones in a checkout; models/ in the present folder where pip has installed us."""
    return MODELS if (MODELS.parent / "run-local.sh").is_file() else Path("models").absolute()


def trainings() -> dict[str, Path]:
    """train.yaml of each network by its name; one's own before a shipped one."""
    return {path.parent.name: path for home in (MODELS, own_models()) for path in home.glob("*/train.yaml")}


def names() -> list[str]:
    return sorted(trainings())


def train_yaml(name: str) -> Path:
    """The training of network `name`, which may also be a path to a YAML file. ValueError with the nearest names if neither."""
    return find(name, "network", names(), lambda known: trainings()[known])


def folder_of(training: Path) -> Path:
    """Where that training's network goes: beside it, but never into what pip has installed."""
    return own_models() / training.parent.name if training.parent.parent == MODELS else training.parent


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
