"""Annealing: a network of learned widths gets smaller and better by trials of one neuron each, judged by the loss of all samples and the LUTs.

Slopes lead a walk (walk.py) from random weights to a small network, but cannot settle it: its weights, widths and biases are rounded, and what
they say of one more step is not what the step does. Here each step is done, and measured; it is kept by Metropolis' rule, under a
temperature that falls. The trials are anneal.cpp's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from finn_steps.tools.compile import shared_library
from models.widths.digits import FINEST
from models.widths.network import Network
from models.widths.walk import Stop

SOURCE = Path(__file__).with_suffix(".cpp")
FLAGS = ["-std=c++17", "-O3", "-march=native", "-ffast-math"]
UNIT = 2**-FINEST
"""Weights are whole multiples of 1 / UNIT, in anneal.cpp too."""
HOT, COLD = 4.0, 0.5
"""LUTs whose price is the temperature, at the start and at the end."""
SLICES = 10
"""Of the trials of a network, between which it is said how far they are."""


@dataclass(frozen=True)
class Cooling:
    """nets: networks of the front, from `first_price` to `last_price` (nats of cross-entropy for a LUT) by equal factors; trials of each."""

    nets: int
    trials: int
    first_price: float
    last_price: float

    def price(self, number: int) -> float:
        return self.first_price * (self.last_price / self.first_price) ** (number / max(1, self.nets - 1))


@dataclass(frozen=True)
class Told:
    """loss: mean cross-entropy; luts: by the sum of area.py; accepted: trials so far."""

    loss: float
    luts: float
    accepted: int


def annealed(net: Network, x: Tensor, targets: Tensor, cooling: Cooling, seed: int,
             report: Callable[[int, float], None] = lambda trials, loss: None) -> Iterator[Stop]:
    """The front from `net` on, from large to small, each network heated up and cooled at its price. `report` gets trials and loss."""
    smallest = float("inf")
    for number in range(cooling.nets):
        price, annealing = cooling.price(number), Annealing(net, x, targets, seed + number)
        temperatures = price * HOT * (COLD / HOT) ** (np.arange(SLICES + 1) / SLICES)
        for part, (hot, cold) in enumerate(zip(temperatures, temperatures[1:]), 1):
            told = annealing.cool(cooling.trials // SLICES, price, hot, cold)
            report(number * cooling.trials + part * cooling.trials // SLICES, told.loss)
        net = annealing.network().tidied()
        if not all(bits.any() for bits in net.bits):
            return
        if told.luts < smallest:
            smallest = told.luts
            yield Stop(net, told.luts, number + 1)


class Annealing:
    """Of `net` on features x [N, F] (centred, not quantised) and targets [N, classes]; every random choice from `seed`."""

    def __init__(self, net: Network, x: Tensor, targets: Tensor, seed: int):
        self.whole = net.tidied()
        self.living = [torch.nonzero(bits).squeeze(1) for bits in self.whole.bits] + [torch.arange(targets.shape[1])]
        self.sizes = np.array([len(living) for living in self.living], np.int64)
        weights = [part[rows[:, None], columns] for part, rows, columns in zip(self.whole.weights, self.living[1:], self.living)]
        biases = [part[rows] for part, rows in zip(self.whole.biases, self.living[1:])]
        self._numbers = [_row(weights, np.int32, UNIT), _row(biases, np.float32), *(
            _row([part[living] for part, living in zip(parts, self.living)], np.int32) for parts in (self.whole.fraction, self.whole.bits))]
        self._data = [np.ascontiguousarray(part.numpy().T, np.float32) for part in (x[:, self.living[0]], targets)]
        self.sharpness = net.sharpness
        self._held = _library().start(len(self.sizes), self.sizes, *self._numbers, self.sharpness, len(x), *self._data, seed)

    def cool(self, trials: int, price: float, hot: float, cold: float) -> Told:
        """So many trials at `price` for a LUT while the temperature falls from `hot` to `cold`; all in nats of the mean loss."""
        told = np.zeros(4)
        _library().cool(self._held, trials, price, hot, cold, told)
        self.sharpness = float(told[2])
        return Told(float(told[0]), float(told[1]), int(told[3]))

    def network(self) -> Network:
        """As it is, in the places of the whole network."""
        _library().read(self._held, *self._numbers)
        weights, biases, fraction, bits = ([part.clone() for part in parts] for parts in (
            self.whole.weights, self.whole.biases, self.whole.fraction, self.whole.bits))
        parts = [_parts(numbers, sizes) for numbers, sizes in zip(self._numbers, (
            self.sizes[1:] * self.sizes[:-1], self.sizes[1:], self.sizes[:-1], self.sizes[:-1]))]
        for layer, (rows, columns) in enumerate(zip(self.living[1:], self.living)):
            weights[layer][rows[:, None], columns] = parts[0][layer].view(len(rows), len(columns)).float() / UNIT
            biases[layer][rows] = parts[1][layer]
            fraction[layer][columns], bits[layer][columns] = parts[2][layer].long(), parts[3][layer].long()
        return replace(self.whole, weights=weights, biases=biases, fraction=fraction, bits=bits, sharpness=self.sharpness)

    def __del__(self):
        if hasattr(self, "_held"):
            _library().release(self._held)


def _row(parts: list[Tensor], kind: type, unit: int = 1) -> np.ndarray:
    """All numbers in one row, in whole units where `kind` is an integer."""
    row = np.concatenate([part.double().numpy().ravel() * unit for part in parts])
    return (np.round(row) if issubclass(kind, np.integer) else row).astype(kind)


def _parts(row: np.ndarray, sizes: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(part.copy()) for part in np.split(row, np.cumsum(sizes)[:-1])]


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(shared_library([SOURCE], FLAGS)))
    pointer, number, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
    whole, single = np.ctypeslib.ndpointer(np.int32, flags="C"), np.ctypeslib.ndpointer(np.float32, flags="C")
    library.start.argtypes = [number, np.ctypeslib.ndpointer(np.int64, flags="C"), whole, single, whole, whole, real, number, single, single,
                              ctypes.c_uint64]
    library.start.restype = pointer
    library.cool.argtypes = [pointer, number, real, real, real, np.ctypeslib.ndpointer(np.float64, flags="C")]
    library.read.argtypes = [pointer, whole, single, whole, whole]
    library.release.argtypes = [pointer]
    library.cool.restype = library.read.restype = library.release.restype = None
    return library
