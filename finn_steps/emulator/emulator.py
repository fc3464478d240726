"""Accelerator.execute as compiled C++, for millions of samples: the same integers, checked equal in the tests."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.emulator.staircase import Staircase, staircase
from finn_steps.tools.compile import shared_library

SOURCE = Path(__file__).with_name("emulator.cpp")
FLAGS = ["-O3", "-march=native", "-fwrapv", "-Wno-psabi"]
INT32, INT16 = np.iinfo(np.int32), np.iinfo(np.int16)
FEW = 8
"""So many thresholds are counted in 16 bits as fast as they are multiplied out in 32."""


class _Layer(ctypes.Structure):
    """The struct of the same name in emulator.cpp."""

    _fields_ = [("rows", ctypes.c_int64)] + [
        (name, ctypes.c_void_p)
        for name in ("row_start", "columns", "weights", "bias", "threshold_start", "thresholds", *Staircase._fields, "base")
    ] + [("step", ctypes.c_int32)]


class Emulator:
    """Compiles once a machine (cached); `execute` then takes int8 or int32 [N, MW] without a copy and gives int32 [N, MH]."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self._library = ctypes.CDLL(str(shared_library([SOURCE], FLAGS)))
        self._arrays: list[np.ndarray] = []
        self._narrow = _fits(INT16, DataType[accelerator.idt].min(), DataType[accelerator.idt].max())
        self._layers = (_Layer * len(accelerator.layers))(*map(self._compress, accelerator.layers))

    @staticmethod
    def can(accelerator: Accelerator) -> bool:
        """Whether 32 bits hold every accumulator."""
        return all(_fits(INT32, layer.accumulator_min.min(), layer.accumulator_max.max()) for layer in accelerator.layers)

    def execute(self, x: np.ndarray) -> np.ndarray:
        """int [N, MW] in their ranges -> int32 [N, MH], equal to Accelerator.execute. ValueError for others."""
        accelerator = self.accelerator
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != accelerator.MW:
            raise ValueError(f"{accelerator.name}: inputs of shape {x.shape} are not [N, {accelerator.MW}]")
        self._check_ranges(x)
        kind = "int8" if x.dtype == np.int8 else "int32"
        x = np.ascontiguousarray(x, dtype=kind)
        y = np.empty((len(x), accelerator.layers[-1].MH), dtype=np.int32)
        widest = max(max(layer.MW, layer.MH) for layer in accelerator.layers)
        getattr(self._library, f"emulate_{16 if self._narrow else 32}_from_{kind}")(
            self._layers, ctypes.c_int64(len(self._layers)), ctypes.c_int64(widest), ctypes.c_int64(accelerator.MW),
            ctypes.c_int64(len(x)), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data),
        )
        return y if accelerator.labels is None else accelerator.labels.astype(np.int32)[y.argmax(1)][:, None]

    def _check_ranges(self, x: np.ndarray) -> None:
        """ValueError for integers outside of their inputs' ranges; by columns, which takes as long as the answers, only where it may matter."""
        first = self.accelerator.layers[0]
        low, high = first.input_low, first.input_high
        kind = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
        if not x.size or kind and low.max() <= kind.min and kind.max <= high.min() or low.max() <= x.min() and x.max() <= high.min():
            return
        outside = np.flatnonzero((x.min(0) < low) | (x.max(0) > high))
        if len(outside):
            i, column = outside[0], x[:, outside[0]]
            raise ValueError(f"{self.accelerator.name}: input {i} takes {low[i]}..{high[i]}, {column.min()}..{column.max()} came")

    def _compress(self, layer: SparseLayer) -> _Layer:
        low, high = layer.accumulator_min, layer.accumulator_max
        if not _fits(INT32, low.min(), high.max()):
            raise ValueError(f"{layer.name}: accumulators {low.min()}..{high.max()} do not fit the emulator's 32 bits")
        rows, columns = np.nonzero(layer.weights)
        base, step = np.zeros(layer.MH, np.int64), 0
        open_ = [np.zeros(0, np.int64)] * layer.MH
        if layer.thresholds is not None:
            step = 2 if layer.odt == "BIPOLAR" else 1
            base = int(DataType[layer.odt].min()) + step * (layer.thresholds <= low[:, None]).sum(1)
            open_ = [row[(row > least) & (row <= most)] for row, least, most in zip(layer.thresholds, low, high)]
        stairs = [staircase(row) for row in open_]
        self._narrow &= _fits(INT16, low.min(), high.max()) and all(map(_narrow, open_, stairs)) and \
            _fits(INT16, DataType[layer.odt].min(), DataType[layer.odt].max())
        threshold_start = np.concatenate([[0], np.cumsum([len(row) for row in open_])])
        row_start = np.searchsorted(rows, np.arange(layer.MH + 1))
        arrays = [row_start, columns, layer.weights[rows, columns], layer.bias, threshold_start, np.concatenate(open_),
                  *np.array(stairs, np.int64).T, base]
        return _Layer(layer.MH, *map(self._keep, arrays), step)

    def _keep(self, array: np.ndarray) -> int:
        """The address of an int32 copy that lives as long as the emulator."""
        self._arrays.append(np.ascontiguousarray(array, dtype=np.int32))
        return self._arrays[-1].ctypes.data


def _fits(integers: np.iinfo, low: int, high: int) -> bool:
    return low >= integers.min and high <= integers.max


def _narrow(thresholds: np.ndarray, stairs: Staircase) -> bool:
    """Whether 16 bits are enough, and faster, for a row whose accumulators they hold."""
    return stairs.greatest <= INT16.max and stairs.low >= INT16.min if stairs.factor else len(thresholds) <= FEW
