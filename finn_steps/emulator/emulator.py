"""Accelerator.execute as compiled C++, for millions of samples: the same integers, checked equal in the tests."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.compile import shared_library

SOURCE = Path(__file__).with_name("emulator.cpp")
INT32 = np.iinfo(np.int32)


class _Layer(ctypes.Structure):
    """The struct of the same name in emulator.cpp."""

    _fields_ = [("rows", ctypes.c_int64)] + [
        (name, ctypes.c_void_p)
        for name in ("row_start", "columns", "weights", "bias", "threshold_start", "thresholds", "base")
    ] + [("step", ctypes.c_int32)]


class Emulator:
    """Compiles once a machine (cached); `execute` then takes int8 or int32 [N, MW] without a copy and gives int32 [N, MH]."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self._library = ctypes.CDLL(str(shared_library([SOURCE], ["-O3", "-march=native"])))
        self._arrays: list[np.ndarray] = []
        self._layers = (_Layer * len(accelerator.layers))(*map(self._compress, accelerator.layers))

    def execute(self, x: np.ndarray) -> np.ndarray:
        """int [N, MW] in idt -> int32 [N, MH], equal to Accelerator.execute."""
        accelerator = self.accelerator
        x = np.asarray(x)
        idt = DataType[accelerator.idt]
        if x.ndim != 2 or x.shape[1] != accelerator.MW:
            raise ValueError(f"{accelerator.name}: inputs of shape {x.shape} are not [N, {accelerator.MW}]")
        if x.size and (x.min() < idt.min() or x.max() > idt.max()):
            raise ValueError(f"{accelerator.name}: inputs {x.min()}..{x.max()} lie outside {accelerator.idt}")
        kind = "int8" if x.dtype == np.int8 else "int32"
        x = np.ascontiguousarray(x, dtype=kind)
        y = np.empty((len(x), accelerator.layers[-1].MH), dtype=np.int32)
        widest = max(max(layer.MW, layer.MH) for layer in accelerator.layers)
        getattr(self._library, f"emulate_{kind}")(
            self._layers, ctypes.c_int64(len(self._layers)), ctypes.c_int64(widest), ctypes.c_int64(accelerator.MW),
            ctypes.c_int64(len(x)), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data),
        )
        return y if accelerator.labels is None else accelerator.labels.astype(np.int32)[y.argmax(1)][:, None]

    def _compress(self, layer: SparseLayer) -> _Layer:
        low, high = layer.accumulator_min, layer.accumulator_max
        if low.min() < INT32.min or high.max() > INT32.max:
            raise ValueError(f"{layer.name}: accumulators {low.min()}..{high.max()} do not fit the emulator's 32 bits")
        rows, columns = np.nonzero(layer.weights)
        base, step = np.zeros(layer.MH, np.int64), 0
        threshold_start, thresholds = np.zeros(layer.MH + 1, np.int64), np.zeros(0, np.int64)
        if layer.thresholds is not None:
            step = 2 if layer.odt == "BIPOLAR" else 1
            open_ = (layer.thresholds > low[:, None]) & (layer.thresholds <= high[:, None])
            base = int(DataType[layer.odt].min()) + step * (layer.thresholds <= low[:, None]).sum(1)
            threshold_start = np.concatenate([[0], np.cumsum(open_.sum(1))])
            thresholds = layer.thresholds[open_]
        row_start = np.searchsorted(rows, np.arange(layer.MH + 1))
        arrays = [row_start, columns, layer.weights[rows, columns], layer.bias, threshold_start, thresholds, base]
        return _Layer(layer.MH, *map(self._keep, arrays), step)

    def _keep(self, array: np.ndarray) -> int:
        """The address of an int32 copy that lives as long as the emulator."""
        self._arrays.append(np.ascontiguousarray(array, dtype=np.int32))
        return self._arrays[-1].ctypes.data
