"""A chain of dense layers in floats, as read from anyone's file."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Scale:
    """x -> x * factor + offset, each [width]: a batch norm, or a standardisation."""

    factor: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True, eq=False)
class Dense:
    """A linear layer, weight [MH, MW] and bias [MH], a batch norm before its ReLU and one behind it."""

    name: str
    weight: np.ndarray
    bias: np.ndarray
    before: Scale | None = None
    behind: Scale | None = None

    @property
    def merged(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias with the batch norm before the ReLU in them."""
        if self.before is None:
            return self.weight, self.bias
        return self.weight * self.before.factor[:, None], self.bias * self.before.factor + self.before.offset


@dataclass(frozen=True, eq=False)
class FloatModel:
    """Dense layers with a ReLU behind each but the last. `first`: what happens to the features before them. `notes`: what was
    found and not taken."""

    source: str
    layers: tuple[Dense, ...]
    first: Scale | None = None
    notes: tuple[str, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.layers[0].weight.shape[1], *(len(layer.bias) for layer in self.layers))

    def with_norms_behind(self) -> FloatModel:
        """Every batch norm of a hidden layer behind its ReLU: a state does not say where it stands."""
        return replace(self, layers=tuple(replace(layer, before=None, behind=layer.before) for layer in self.layers))

    def matrices(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weight and bias of each layer with all scales merged into them."""
        found, scale = [], self.first
        for layer in self.layers:
            weight, bias = layer.merged
            if scale is not None:
                weight, bias = weight * scale.factor, bias + weight @ scale.offset
            found.append((weight, bias))
            scale = layer.behind
        return found


def checked(model: FloatModel) -> FloatModel:
    """ValueError, naming the layers, unless each takes what the one before gives."""
    if not model.layers:
        what = f"; it has {model.notes[0]}" if model.notes else ""
        raise ValueError(f"{model.source}: there is no linear layer in it{what}")
    for before, layer in zip(model.layers, model.layers[1:]):
        if layer.weight.shape[1] != len(before.bias):
            raise ValueError(f"{model.source}: {layer.name} takes {layer.weight.shape[1]} values, {before.name} before it gives "
                             f"{len(before.bias)}: only a chain of linear layers can be taken over")
    return model
