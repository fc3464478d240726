"""How frames of integers travel over an AXI-Stream: FINN's layout, element 0 in the least significant bits of a beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qonnx.core.datatype import DataType


@dataclass(frozen=True)
class StreamFormat:
    """A frame of `elements` integers of `bits` bits, `lanes` of them in a beat; a beat is padded to whole bytes.

    `bipolar`: one bit each, 0 for -1 and 1 for +1, as in FINN.
    """

    elements: int
    bits: int
    signed: bool
    lanes: int
    bipolar: bool = False

    @classmethod
    def of(cls, datatype: str, elements: int, lanes: int) -> StreamFormat:
        """The stream of frames of `elements` values of a FINN integer datatype."""
        bipolar = datatype == "BIPOLAR"
        return cls(elements, DataType[datatype].bitwidth(), DataType[datatype].signed() and not bipolar, lanes, bipolar)

    def __post_init__(self):
        if self.lanes < 1 or self.elements % self.lanes:
            raise ValueError(f"stream: lanes ({self.lanes}) must divide the elements of a frame ({self.elements})")

    @property
    def beats(self) -> int:
        """Beats of one frame."""
        return self.elements // self.lanes

    @property
    def bytes(self) -> int:
        """Bytes of one beat."""
        return (self.lanes * self.bits + 7) // 8

    def pack(self, x: np.ndarray) -> np.ndarray:
        """int64 [N, elements] -> uint8 [N * beats, bytes]. ValueError where a value does not fit."""
        x = np.asarray(x, dtype=np.int64)
        if self.bipolar:
            if np.any(np.abs(x) != 1):
                raise ValueError("stream: bipolar values must be -1 or 1")
            x = (x + 1) // 2
        low, high = (-(1 << self.bits - 1), (1 << self.bits - 1) - 1) if self.signed else (0, (1 << self.bits) - 1)
        if x.ndim != 2 or x.shape[1] != self.elements:
            raise ValueError(f"stream: frames of shape {x.shape} are not [N, {self.elements}]")
        if x.size and (x.min() < low or x.max() > high):
            raise ValueError(f"stream: values {x.min()}..{x.max()} do not fit {low}..{high} ({self.bits} bits)")
        lanes = x.reshape(-1, self.lanes, 1)
        bits = (lanes >> np.arange(self.bits)) & 1
        return np.packbits(bits.reshape(len(lanes), -1).astype(np.uint8), axis=1, bitorder="little")

    def unpack(self, beats: np.ndarray) -> np.ndarray:
        """uint8 [N * beats, bytes] -> int64 [N, elements]."""
        bits = np.unpackbits(np.asarray(beats, dtype=np.uint8), axis=1, count=self.lanes * self.bits, bitorder="little")
        bits = bits.reshape(-1, self.elements, self.bits)
        weights = 1 << np.arange(self.bits, dtype=np.int64)
        if self.signed:
            weights[-1] = -weights[-1]
        values = bits.astype(np.int64) @ weights
        return 2 * values - 1 if self.bipolar else values
