"""A pynq Device whose fabric is a verilated board: registers, DMA and memory, with pynq itself unmodified.

$QAPFLOW_SIMULATION names a folder that build.py made. The DMA's registers behave as AXI DMA's in simple mode (Xilinx PG021); the
processing system's clock registers are plain storage. Time passes while registers are accessed.
"""

from __future__ import annotations

import bisect
import json
import os
from pathlib import Path

import numpy as np
from pynq.buffer import PynqBuffer
from pynq.pl_server.device import Device
from pynqmetadata.frontends import Metadata
from pynqmetadata.views.runtime import RuntimeMetadataParser

from deploy.fabric import CONTROL as FABRIC_CONTROL
from deploy.fabric import PATTERN, SAMPLES_OUT
from deploy.shell.boards import KIB, find_board
from deploy.simulated_board.library import RECEIVE, RUNNING, SEND, BoardLibrary

POLL_CYCLES, DRAIN_CYCLES = 20_000, 64
CONTROL, STATUS, ADDRESS, ADDRESS_HIGH, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
RUN, RESET = 1, 4
HALTED, IDLE, INTERNAL_ERROR, DECODE_ERROR, DONE = 0x1, 0x2, 0x10, 0x40, 0x1000
PLLS = {0xF8000108: 20 << 12, 0xF8000170: 2 << 20 | 5 << 8, 0xFF5E0020: 90 << 8 | 1 << 16, 0xFF5E00C0: 3 << 16 | 5 << 8}
"""Clock registers out of reset: Zynq-7000's IO PLL at 1000 MHz (of pynq's 50 MHz), UltraScale+'s at 1500 MHz, dividers below."""


class Channel:
    """The registers of one direction of the DMA."""

    def __init__(self, number: int):
        self.number, self.control, self.status, self.address, self.length = number, 0, HALTED, 0, 0


class SimulatedDevice(Device):
    """The device that pynq finds when $QAPFLOW_SIMULATION is set."""

    _probe_priority_ = 10

    @classmethod
    def _probe_(cls):
        folder = os.environ.get("QAPFLOW_SIMULATION")
        return [cls(Path(folder))] if folder else []

    def __init__(self, folder: Path):
        super().__init__("simulated")
        self.name = os.environ.get("BOARD", "")
        self.board = find_board(self.name)
        self.arch = "armv7l" if self.board.zynq_7000 else "aarch64"
        self.capabilities = {"REGISTER_RW": True}
        self.fabric = BoardLibrary(folder, seed=int(os.environ.get("QAPFLOW_SEED", "0")))
        self.timestamp, self.bitfile_name = "", ""
        self._storage = dict(PLLS)
        self._channels = (Channel(SEND), Channel(RECEIVE))
        self._bases, self._buffers, self._next = [], [], 0x1000_0000
        self.failing_transfers, self._pattern_runs = 0, False
        traffic = json.loads(os.environ.get("QAPFLOW_TRAFFIC", "{}"))
        self.fabric.traffic(**traffic)

    def seconds(self) -> float:
        """The time of this board, for time-outs: its cycles as if of 100 MHz."""
        return self.fabric.watch.cycles / 1e8

    # What pynq asks of a device.

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False):
        return RuntimeMetadataParser(Metadata(input=str(Path(bitfile_name).with_suffix(".hwh"))))

    def gen_cache(self, bitstream, parser=None) -> None:
        pass

    def download(self, bitstream, parser=None) -> None:
        """Loading a bitstream resets the fabric."""
        self.fabric.reset()
        self._channels = (Channel(SEND), Channel(RECEIVE))
        self.post_download(bitstream, parser)

    def allocate(self, shape, dtype, **_) -> PynqBuffer:
        """Memory of this process with an address that the DMA knows."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        buffer = PynqBuffer(shape, dtype, device=self, device_address=self._next, coherent=True)
        buffer[...] = 0
        self._bases.append(self._next)
        self._buffers.append((buffer.ctypes.data, size))
        self._next += -(-max(size, 1) // 4096) * 4096
        return buffer

    def read_registers(self, address: int, length: int) -> bytes:
        return b"".join(self._read(address + i).to_bytes(4, "little") for i in range(0, length, 4))

    def write_registers(self, address: int, data: bytes) -> None:
        for i in range(0, len(data), 4):
            self._write(address + i, int.from_bytes(bytes(data[i : i + 4]), "little"))

    # The address map.

    def _read(self, address: int) -> int:
        if self._within(address, self.board.accelerator_address, 4 * KIB):
            offset = address - self.board.accelerator_address
            if self._pattern_runs and offset == SAMPLES_OUT:  # what the driver polls
                self.fabric.run(POLL_CYCLES)
            return self.fabric.read(offset)
        if self._within(address, self.board.dma_address, 64 * KIB):
            return self._read_dma(address - self.board.dma_address)
        return self._storage.get(address, 0)

    def _write(self, address: int, value: int) -> None:
        if self._within(address, self.board.accelerator_address, 4 * KIB):
            offset = address - self.board.accelerator_address
            self._pattern_runs = bool(value & PATTERN) if offset == FABRIC_CONTROL else self._pattern_runs
            self.fabric.write(offset, value)
        elif self._within(address, self.board.dma_address, 64 * KIB):
            self._write_dma(address - self.board.dma_address, value)
        else:
            self._storage[address] = value

    @staticmethod
    def _within(address: int, base: int, size: int) -> bool:
        return base <= address < base + size

    # The DMA.

    def _read_dma(self, offset: int) -> int:
        channel = self._channels[offset >= 0x30]
        register = offset % 0x30
        if register == STATUS:
            self._advance()
            return channel.status
        return {CONTROL: channel.control, ADDRESS: channel.address, LENGTH: channel.length}.get(register, 0)

    def _write_dma(self, offset: int, value: int) -> None:
        channel = self._channels[offset >= 0x30]
        register = offset % 0x30
        if register == CONTROL and value & RESET:
            for one in self._channels:
                self.fabric.abort(one.number)
                one.__init__(one.number)
        elif register == CONTROL:
            channel.control = value
            if value & RUN and not channel.status & (INTERNAL_ERROR | DECODE_ERROR):
                channel.status &= ~HALTED
            elif not value & RUN:
                self.fabric.abort(channel.number)
                channel.status |= HALTED
        elif register == STATUS:
            channel.status &= ~(value & DONE)
        elif register == ADDRESS:
            channel.address = value
        elif register == LENGTH and not channel.status & HALTED:
            self._transfer(channel, value)

    def _transfer(self, channel: Channel, length: int) -> None:
        memory = self._memory(channel.address, length)
        if self.failing_transfers:
            self.failing_transfers -= 1
            memory = None
        if length == 0 or memory is None:
            channel.status |= HALTED | (INTERNAL_ERROR if length == 0 else DECODE_ERROR)
            return
        channel.length = length
        channel.status &= ~(IDLE | DONE)
        self.fabric.transfer(channel.number, memory, length)

    def _advance(self) -> None:
        """Let the fabric run, and take down which transfers ended."""
        send, receive = (channel.length and not channel.status & (HALTED | IDLE) for channel in self._channels)
        self.fabric.run(POLL_CYCLES if send else DRAIN_CYCLES if receive else 1)
        for channel in self._channels:
            if channel.status & (HALTED | IDLE) or not channel.length:
                continue
            done, state = self.fabric.transferred(channel.number)
            if state == RUNNING:
                continue
            channel.length = done
            channel.status |= IDLE | DONE if state == 0 else HALTED | INTERNAL_ERROR

    def _memory(self, address: int, length: int) -> int | None:
        """Where `length` bytes at a device address lie in this process; None where nothing was allocated."""
        i = bisect.bisect_right(self._bases, address) - 1
        if i < 0:
            return None
        pointer, size = self._buffers[i]
        offset = address - self._bases[i]
        return pointer + offset if offset + length <= size else None
