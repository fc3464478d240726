"""The measurement block's registers: identity, recovery, counters and the pattern source.

The block (shell/measure.sv) sits between the DMA and the accelerator. All registers are 32 bits wide; deploy/README.md
describes each. Latency of a sample: cycles from the cycle in which its first input beat is taken to the cycle in which its
last output beat is taken.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

MAGIC = 0x51415046
VERSION = 1
BINS = 256
REGISTERS = {
    "magic": 0x00,
    "version": 0x04,
    "id_low": 0x08,
    "id_high": 0x0C,
    "beat_bytes": 0x10,
    "beats": 0x14,
    "control": 0x18,
    "status": 0x1C,
    "pattern_frames": 0x20,
    "histogram_base": 0x24,
    "histogram_shift": 0x28,
    "dma_bytes": 0x2C,
    "busy_cycles": 0x30,
    "samples_in": 0x34,
    "samples_out": 0x38,
    "starved_cycles": 0x3C,
    "stalled_cycles": 0x40,
    "latency_min": 0x44,
    "latency_max": 0x48,
    "latency_sum_low": 0x4C,
    "latency_sum_high": 0x50,
    "interval_min": 0x54,
    "first_output": 0x58,
    "last_output": 0x5C,
}
HISTOGRAM = 0x400
CLEAR, FLUSH, PATTERN = 1, 2, 4
STATUS = {
    1: "a batch is unfinished",
    2: "samples are inside the accelerator",
    4: "input waits for the accelerator",
    8: "the accelerator waits for input",
    16: "output waits for the DMA",
    32: "the DMA waits for output",
    64: "the pattern source runs",
    128: "a batch ended in the middle of a sample",
    256: "held in flush",
}
CUT_SHORT = 128


class FabricError(RuntimeError):
    """The fabric is not what the package says, or did not do what it was told."""


@dataclass(frozen=True)
class Counters:
    """One reading. Cycles are of the accelerator's clock; latencies and intervals are None where there was no sample (pair)."""

    busy_cycles: int
    samples_in: int
    samples_out: int
    starved_cycles: int
    stalled_cycles: int
    latency_min: int | None
    latency_max: int | None
    latency_mean: float | None
    interval_min: int | None
    interval_mean: float | None


class Fabric:
    """The block behind `mmio`, anything with read(offset) and write(offset, value) such as pynq's DefaultIP or MMIO."""

    def __init__(self, mmio):
        self.mmio = mmio

    def __getitem__(self, name: str) -> int:
        return int(self.mmio.read(REGISTERS[name]))

    def __setitem__(self, name: str, value: int) -> None:
        self.mmio.write(REGISTERS[name], value)

    def check(self, network) -> None:
        """FabricError unless the block is ours, of this version, and carries this network's id and stream formats."""
        if self["magic"] != MAGIC:
            raise FabricError(f"no measurement block answers (magic 0x{self['magic']:08x}); this bitstream is not qapflow's")
        if self["version"] != VERSION:
            raise FabricError(f"the bitstream's measurement block has version {self['version']}, this driver needs {VERSION}")
        found = self["id_high"] << 32 | self["id_low"]
        if found != network.id:
            raise FabricError(f"the fabric holds network {found:016x}, the package is for {network.id:016x} ({network.name});"
                              " load the bitstream of this package")
        dma_bytes = self["dma_bytes"]
        for port, stream, shift in (("input", network.input_stream, 0), ("output", network.output_stream, 16)):
            expected = (stream.memory_bytes(dma_bytes), stream.beats)
            got = (self["beat_bytes"] >> shift & 0xFFFF, self["beats"] >> shift & 0xFFFF)
            if got != expected:
                raise FabricError(f"the fabric's {port} has {got} bytes a beat and beats a sample, the package {expected}")

    def clear(self) -> None:
        """Set all counters and the histogram to zero, and forget a batch that was cut short."""
        self["control"] = CLEAR

    def flush(self, hold: bool) -> None:
        """While held, the accelerator is in reset, input is taken and dropped, and no output is given."""
        self["control"] = FLUSH if hold else 0

    @property
    def cut_short(self) -> bool:
        """True once a batch ended in the middle of a sample."""
        return bool(self["status"] & CUT_SHORT)

    def describe(self) -> str:
        """The state of the streams in words, for an error message."""
        status = self["status"]
        words = [text for bit, text in STATUS.items() if status & bit] or ["all streams are quiet"]
        return f"{', '.join(words)}; {self['samples_in']} samples went in, {self['samples_out']} came out"

    def counters(self) -> Counters:
        """Read every counter; they keep still while no sample moves."""
        samples = self["samples_out"]
        latency_sum = self["latency_sum_high"] << 32 | self["latency_sum_low"]
        span = (self["last_output"] - self["first_output"]) & 0xFFFFFFFF
        return Counters(
            busy_cycles=self["busy_cycles"],
            samples_in=self["samples_in"],
            samples_out=samples,
            starved_cycles=self["starved_cycles"],
            stalled_cycles=self["stalled_cycles"],
            latency_min=self["latency_min"] if samples else None,
            latency_max=self["latency_max"] if samples else None,
            latency_mean=latency_sum / samples if samples else None,
            interval_min=self["interval_min"] if samples > 1 else None,
            interval_mean=span / (samples - 1) if samples > 1 else None,
        )

    def histogram(self) -> np.ndarray:
        """int64 [256]: samples by latency since histogram_range(); the last bin has all that are longer."""
        return np.array([int(self.mmio.read(HISTOGRAM + 4 * i)) for i in range(BINS)], np.int64)

    def histogram_range(self, base: int, shift: int) -> None:
        """Bin i counts latencies from base + (i << shift); shorter ones count in bin 0. Clears the counters."""
        self["histogram_base"] = base
        self["histogram_shift"] = shift
        self.clear()

    def run_pattern(self, samples: int, timeout: float = 10.0) -> Counters:
        """Feed `samples` samples from the internal source, drop their outputs, and return the counters."""
        if samples < 1:
            raise ValueError(f"the pattern source needs at least 1 sample, not {samples}")
        self.clear()
        self["pattern_frames"] = samples
        self["control"] = PATTERN
        end = time.monotonic() + timeout
        while self["samples_out"] != samples:
            if time.monotonic() > end:
                state = self.describe()
                self.flush(True)
                self.flush(False)
                raise FabricError(f"{samples} samples of the pattern source did not come out within {timeout} s: {state}")
        self["control"] = 0
        return self.counters()
