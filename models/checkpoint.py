"""Weights on disk: what a training that failed leaves behind, and where another one may start."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn

from models.pruning.masks import snapshot


def save(model: nn.Module, path: Path | str) -> None:
    """Write the model's state to `path`, atomically."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    torch.save(snapshot(model), temporary)
    os.replace(temporary, path)


def load(model: nn.Module, path: Path | str) -> None:
    """Read a state that save() wrote into `model`. OSError or ValueError where the file is none, or of another network."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as fault:
        raise ValueError(f"{path}: not a checkpoint: {str(fault).splitlines()[0]}") from fault
    expected = model.state_dict()
    missing, unknown = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing or unknown:
        raise ValueError(f"{path}: a checkpoint of another network: " + "; ".join(
            f"{what} {', '.join(names[:3])}" for what, names in (("it lacks", missing), ("it alone has", unknown)) if names))
    for name, value in expected.items():
        if state[name].shape != value.shape:
            raise ValueError(f"{path}: {name} is {list(state[name].shape)}, the network's is {list(value.shape)}")
    model.load_state_dict(state)
