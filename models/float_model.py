"""Anyone's float model as a chain of dense layers: a PyTorch state, TorchScript, torch.export, or float ONNX."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.float_chain import Dense, FloatModel, Scale, checked

SUFFIXES = (".pt", ".pth", ".pt2", ".onnx")


def read_float_model(path: Path | str) -> FloatModel:
    """The chain in `path`. OSError or ValueError, in one line, where there is none: names are mapped by order and shape."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"--from {path}: a float model ends in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such float model")
    if path.suffix == ".onnx":
        from models.float_onnx import read_float_onnx

        return read_float_onnx(path)
    return from_state(str(path), _state(path))


def from_state(source: str, state: dict[str, np.ndarray]) -> FloatModel:
    """From tensors by name, in the order of the state: two-dimensional ones are layers, groups with a running mean batch norms."""
    layers, first, notes = [], None, []
    for name, tensors in _modules(state).items():
        weight = tensors.get("weight")
        if weight is not None and weight.ndim == 2:
            layers.append(Dense(name, weight, tensors.get("bias", np.zeros(len(weight)))))
        elif "running_mean" in tensors:
            scale = _batch_norm(tensors)
            if not layers:
                first = scale
            elif len(scale.factor) == len(layers[-1].bias) and layers[-1].before is None:
                layers[-1] = replace(layers[-1], before=scale)
            else:
                notes.append(f"{name}: a batch norm of {len(scale.factor)} that stands behind no layer of that width")
        else:
            shapes = ", ".join(str(list(value.shape)) for value in tensors.values())
            notes.append(f"{name} ({shapes}) is neither a linear layer nor a batch norm")
    return checked(FloatModel(source, tuple(layers), first, tuple(notes)))


def _modules(state: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Module -> its tensors, modules in the order of their first tensor."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, value in state.items():
        owner, _, leaf = name.rpartition(".")
        if leaf != "num_batches_tracked":
            found.setdefault(owner or "model", {})[leaf] = value
    return found


def _batch_norm(tensors: dict[str, np.ndarray], eps: float = 1e-5) -> Scale:
    mean, variance = tensors["running_mean"], tensors["running_var"]
    factor = tensors.get("weight", np.ones_like(mean)) / np.sqrt(variance + eps)
    return Scale(factor, tensors.get("bias", np.zeros_like(mean)) - mean * factor)


def _state(path: Path) -> dict[str, np.ndarray]:
    """Tensors by name. No code of the file is run: a state is read with weights_only."""
    import torch

    names = _archive_names(path)
    try:
        if path.suffix == ".pt2" or any(name.endswith("archive_format") for name in names):
            state = torch.export.load(path).state_dict
        elif any("/code/" in name for name in names):
            state = torch.jit.load(str(path), map_location="cpu").state_dict()
        else:
            state = _nested(torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as fault:
        raise ValueError(f"{path}: it is a whole Python object, or holds code, which is not run; save its weights alone: "
                         "torch.save(model.state_dict(), FILE)") from fault
    except Exception as fault:
        raise ValueError(f"{path}: not a PyTorch state, TorchScript or exported program: {(str(fault) or repr(fault)).splitlines()[0][:160]}") \
            from fault
    tensors = {name: value.detach().double().numpy() for name, value in state.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise ValueError(f"{path}: there are no tensors in it")
    return tensors


def _nested(content) -> dict:
    """The state itself, which many trainers put beside other things."""
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}, not a state")
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content.get(key), dict):
            return content[key]
    return content


def _archive_names(path: Path) -> list[str]:
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()
