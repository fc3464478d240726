"""ctypes around board.so: one verilated board, its registers, its DMA channels and the watcher at the accelerator's ports."""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path

import numpy as np

SEND, RECEIVE = 0, 1
RUNNING, OVERFLOWED = 1, 2


class Watch(ctypes.Structure):
    """What was seen at the accelerator's ports; the layout is board.cpp's."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "cycles",
            "samples_in",
            "samples_out",
            "latency_min",
            "latency_max",
            "latency_sum",
            "interval_min",
            "span",
            "starved",
            "stalled",
        )
    ] + [("histogram", ctypes.c_uint64 * 4096)]


class BoardLibrary:
    """A board out of a folder that build() made."""

    def __init__(self, folder: Path | str, seed: int = 0):
        folder = Path(folder).resolve()
        about = json.loads((folder / "simulation.json").read_text())
        self.dma_bytes = about["word"]
        self._library = library = ctypes.CDLL(str(folder / "board.so"))
        u64, u32, pointer, out = ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32)
        for name, result, arguments in (
            ("new", pointer, (u64, u64, u64, u64)),
            ("free", None, (pointer,)),
            ("reset", None, (pointer, u64)),
            ("traffic", None, (pointer, ctypes.c_double, ctypes.c_double, u64)),
            ("write", ctypes.c_int, (pointer, u32, u32)),
            ("read", ctypes.c_int, (pointer, u32, out, u64)),
            ("transfer", None, (pointer, ctypes.c_int, pointer, u64)),
            ("abort", None, (pointer, ctypes.c_int)),
            ("transferred", u64, (pointer, ctypes.c_int, out)),
            ("run", None, (pointer, u64)),
            ("watch", ctypes.POINTER(Watch), (pointer,)),
            ("watch_clear", None, (pointer,)),
        ):
            function = getattr(library, f"board_{name}")
            function.restype, function.argtypes = result, arguments
        here = os.getcwd()
        os.chdir(folder)  # $readmemh looks here
        try:
            self._board = library.board_new(self.dma_bytes, about["in_beats"], about["out_beats"], seed)
        finally:
            os.chdir(here)

    def close(self) -> None:
        if self._board:
            self._library.board_free(self._board)
            self._board = None

    def reset(self, cycles: int = 8) -> None:
        """Pull the reset line."""
        self._library.board_reset(self._board, cycles)

    def traffic(self, gaps: float = 0.0, stalls: float = 0.0, seed: int = 0) -> None:
        """The share of cycles in which the sending DMA has nothing and the receiving one takes nothing; 1 is never."""
        self._library.board_traffic(self._board, gaps, stalls, seed)

    def write(self, address: int, value: int) -> None:
        if not self._library.board_write(self._board, address, value):
            raise RuntimeError(f"the AXI-Lite port does not answer a write to 0x{address:x}")

    def read(self, address: int, wait: int = 0) -> int:
        """One register; the master makes the answer wait for `wait` cycles."""
        value = ctypes.c_uint32()
        if not self._library.board_read(self._board, address, ctypes.byref(value), wait):
            raise RuntimeError(f"the AXI-Lite port does not answer a read of 0x{address:x}")
        return value.value

    def transfer(self, channel: int, memory: int, size: int) -> None:
        """Begin to send from, or to receive into, `size` bytes of this process's memory at address `memory`."""
        self._library.board_transfer(self._board, channel, memory, size)

    def abort(self, channel: int) -> None:
        self._library.board_abort(self._board, channel)

    def transferred(self, channel: int) -> tuple[int, int]:
        """(bytes moved by the latest transfer, its state)."""
        state = ctypes.c_uint32()
        return self._library.board_transferred(self._board, channel, ctypes.byref(state)), state.value

    def run(self, cycles: int) -> None:
        """Let time pass: until a transfer ends, at most `cycles` cycles."""
        self._library.board_run(self._board, cycles)

    @property
    def watch(self) -> Watch:
        return self._library.board_watch(self._board).contents

    def watch_clear(self) -> None:
        self._library.board_watch_clear(self._board)

    def exchange(self, data: np.ndarray, answer_bytes: int, patience: int = 1_000_000) -> np.ndarray:
        """Send uint8 `data`, receive `answer_bytes` bytes; TimeoutError after `patience` cycles."""
        data, answer = np.ascontiguousarray(data), np.zeros(answer_bytes, np.uint8)
        self.transfer(RECEIVE, answer.ctypes.data, answer.size)
        self.transfer(SEND, data.ctypes.data, data.size)
        end = self.watch.cycles + patience
        while self.transferred(RECEIVE)[1] == RUNNING:
            if self.watch.cycles >= end:
                raise TimeoutError(f"{self.transferred(RECEIVE)[0]} of {answer_bytes} bytes came back in {patience} cycles")
            self.run(10_000)
        return answer
