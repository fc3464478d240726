"""How integers lie in the DMA's memory: the accelerator's AXI-Stream layout, vectorised with numpy.

A frame (one sample) is `beats` beats of `lanes` elements; element 0 has a beat's least significant bits. In memory each
beat is widened to what the fabric's width converter takes (`memory_bytes`): the next power of two, or the next multiple of
the DMA's word where it is wider than one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 1 << 16  # elements handled at once, so that the intermediate arrays stay in the processor's cache


@dataclass(frozen=True)
class Stream:
    """A frame of `elements` integers of `bits` bits, `lanes` of them in a beat. `bipolar` reads the bits 0, 1 as -1, 1."""

    elements: int
    bits: int
    signed: bool
    lanes: int
    bipolar: bool = False

    def __post_init__(self):
        if self.lanes < 1 or self.elements % self.lanes or not 1 <= self.bits <= 56:
            raise ValueError(f"{self}: lanes must divide elements, bits must be 1 to 56")

    @property
    def beats(self) -> int:
        """Beats of one frame."""
        return self.elements // self.lanes

    @property
    def bytes(self) -> int:
        """Bytes of one beat on the accelerator's own port."""
        return (self.lanes * self.bits + 7) // 8

    @property
    def low(self) -> int:
        """The least value of an element's field."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The greatest value of an element's field."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    def memory_bytes(self, dma_bytes: int) -> int:
        """Bytes of one beat in memory, for a DMA with words of `dma_bytes` bytes (a power of two)."""
        if self.bytes > dma_bytes:
            return -(-self.bytes // dma_bytes) * dma_bytes
        return 1 << (self.bytes - 1).bit_length()

    def frame_bytes(self, dma_bytes: int) -> int:
        """Bytes of one frame in memory."""
        return self.beats * self.memory_bytes(dma_bytes)

    def pack(self, x: np.ndarray, dma_bytes: int = 8, out: np.ndarray | None = None) -> np.ndarray:
        """Whole numbers [N, elements] (any dtype) -> uint8 [N, frame_bytes], into `out` where given.

        ValueError where the shape is wrong or a value does not fit the element's bits (NaN never fits)."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.elements:
            raise ValueError(f"frames of shape {x.shape} are not [N, {self.elements}]")
        if out is None:
            out = np.empty((len(x), self.frame_bytes(dma_bytes)), np.uint8)
        beats = out.reshape(len(x) * self.beats, self.memory_bytes(dma_bytes))
        rows = max(1, BLOCK // self.elements)
        for start in range(0, len(x), rows):
            block = x[start : start + rows]
            low, high = block.min(), block.max()
            if not (low >= self.low and high <= self.high):
                raise ValueError(f"values {low}..{high} do not fit {self.low}..{self.high} ({self.bits} bits)")
            self._pack_block(block.reshape(-1, self.lanes), beats[start * self.beats : (start + rows) * self.beats])
        return out

    def unpack(self, memory: np.ndarray, dma_bytes: int = 8) -> np.ndarray:
        """uint8 [N, frame_bytes] -> int64 [N, elements]."""
        memory = np.asarray(memory, np.uint8)
        frames = memory.reshape(-1, self.frame_bytes(dma_bytes))
        y = np.empty((len(frames), self.elements), np.int64)
        rows = max(1, BLOCK // self.elements)
        for start in range(0, len(frames), rows):
            block = frames[start : start + rows].reshape(-1, self.memory_bytes(dma_bytes))
            self._unpack_block(block, y[start : start + rows].reshape(-1, self.lanes))
        return y

    def _pack_block(self, x: np.ndarray, out: np.ndarray) -> None:
        """[M, lanes] -> uint8 [M, memory bytes]."""
        used = self.bytes
        if used < out.shape[1]:
            out[:, used:] = 0
        if self.bits in (8, 16, 32):
            kind = np.dtype(f"<{'i' if self.signed else 'u'}{self.bits // 8}")
            if used == out.shape[1]:
                out.view(kind)[...] = x
            else:
                out[:, :used] = x.astype(kind).view(np.uint8)
        elif self.bits == 1:
            out[:, :used] = np.packbits(x.astype(bool), axis=1, bitorder="little")
        elif self.bits < 8:
            out[:, :used] = self._pack_groups(x)[:, :used]
        else:
            self._pack_lanes(x, out)

    def _pack_groups(self, x: np.ndarray) -> np.ndarray:
        """Fields of 2 to 7 bits: the fewest lanes that fill whole bytes become one word of at most 56 bits."""
        group = {2: 4, 4: 2, 6: 4}.get(self.bits, 8)
        group_bytes = group * self.bits // 8
        fields = x.astype(np.int8 if self.signed else np.uint8).view(np.uint8) & np.uint8((1 << self.bits) - 1)
        count = -(-self.lanes // group)
        if count * group != self.lanes:
            fields = np.pad(fields, ((0, 0), (0, count * group - self.lanes)))
        kind = np.dtype(np.uint8 if group_bytes == 1 else "<u8")
        fields = fields.reshape(len(x), count, group)
        words = fields[:, :, 0].astype(kind)
        for i in range(1, group):
            words |= fields[:, :, i].astype(kind) << kind.type(i * self.bits)
        return words.reshape(len(x), count, 1).view(np.uint8)[:, :, :group_bytes].reshape(len(x), -1)

    def _pack_lanes(self, x: np.ndarray, out: np.ndarray) -> None:
        """Any width: each lane is shifted into place and added to the bytes that it touches."""
        out[:, : self.bytes] = 0
        mask = np.uint64((1 << self.bits) - 1)
        for lane in range(self.lanes):
            first, shift = divmod(lane * self.bits, 8)
            word = (x[:, lane].astype(np.int64).view(np.uint64) & mask) << np.uint64(shift)
            source = word.astype("<u8").view(np.uint8).reshape(-1, 8)
            span = (shift + self.bits + 7) // 8
            out[:, first : first + span] |= source[:, :span]

    def _unpack_block(self, memory: np.ndarray, y: np.ndarray) -> None:
        """uint8 [M, memory bytes] -> int64 [M, lanes]."""
        used = self.bytes
        if self.bits in (8, 16, 32):
            kind = np.dtype(f"<{'i' if self.signed else 'u'}{self.bits // 8}")
            y[...] = np.ascontiguousarray(memory[:, :used]).view(kind)
        elif self.bits == 1:
            y[...] = np.unpackbits(memory[:, :used], axis=1, count=self.lanes, bitorder="little")
            if self.signed:
                np.negative(y, out=y)
        else:
            self._unpack_lanes(memory, y)
        if self.bipolar:
            y *= 2
            y -= 1

    def _unpack_lanes(self, memory: np.ndarray, y: np.ndarray) -> None:
        unused = np.int64(64 - self.bits)
        for lane in range(self.lanes):
            first, shift = divmod(lane * self.bits, 8)
            span = (shift + self.bits + 7) // 8
            window = np.zeros((len(memory), 8), np.uint8)
            window[:, :span] = memory[:, first : first + span]
            word = window.view("<u8")[:, 0] >> np.uint64(shift)
            field = (word << np.uint64(unused)).view(np.int64) if self.signed else (word << np.uint64(unused))
            y[:, lane] = field >> field.dtype.type(unused)
