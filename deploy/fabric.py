"""The measurement block's registers: identity, recovery, counters and the pattern source.

The block (shell/measure.sv) watches the accelerator's streams. deploy/README.md has the register map. Latency of a sample:
cycles from the cycle in which its first input beat is taken to the cycle in which its last output beat is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MAGIC = 0x51415046
VERSION = 1
SAMPLES_IN, SAMPLES_OUT, STARVED, STALLED = 0x00, 0x04, 0x08, 0x0C
INTERVAL_LEAST, SUM_GREATEST, SUM_LOW, SPAN = 0x10, 0x20, 0x30, 0x40
CONTROL = STATUS = 0x80
PATTERN_SAMPLES = 0x84
HISTOGRAM, BINS = 0x800, 256
IDENTITY = 0xC00
CLEAR, FLUSH, PATTERN, BIN_UNIT = 1, 2, 4, 8
CUT_SHORT, WIPING = 128, 512
STATES = {
    1: "a batch is unfinished",
    2: "samples are inside the accelerator",
    4: "input waits for the accelerator",
    8: "the accelerator waits for input",
    16: "output waits for the DMA",
    32: "the DMA waits for output",
    64: "the pattern source runs",
    CUT_SHORT: "a batch ended in the middle of a sample",
    256: "the accelerator is held in flush",
}
BIN_CYCLES = (1, 16, 256, 4096)
LONGEST_INTERVAL = 4095


class FabricError(RuntimeError):
    """The fabric is not what the package says, or did not do what it was told."""


@dataclass(frozen=True)
class Identity:
    """What the fabric says it is; bytes and beats are of one sample's stream, (input, output)."""

    magic: int
    version: int
    id: int
    beat_bytes: tuple
    beats: tuple
    dma_bytes: int


@dataclass(frozen=True)
class Counters:
    """One reading, in cycles of the accelerator's clock; None where no sample (or no second one) came.

    samples_in/out   samples begun and finished since the last clear
    starved_cycles   within a batch, the accelerator was ready and no input was there
    stalled_cycles   an output was ready and nobody took it
    latency_*        of the samples that finished; modulo 2^20 cycles
    interval_*       from sample to sample at the output; interval_min is at most 4095
    """

    samples_in: int
    samples_out: int
    starved_cycles: int
    stalled_cycles: int
    latency_min: int | None
    latency_max: int | None
    latency_mean: float | None
    interval_min: int | None
    interval_mean: float | None


class Patience:
    """Is over once `count()` has stood still for `timeout` seconds of `clock`: slow work that goes on is waited for."""

    def __init__(self, timeout: float, clock: Callable[[], float], count: Callable[[], int]):
        self.timeout, self.clock, self.count = timeout, clock, count
        self.seen, self.since = count(), clock()

    def over(self) -> bool:
        if self.clock() - self.since <= self.timeout:
            return False
        before, self.seen, self.since = self.seen, self.count(), self.clock()
        return self.seen == before


class Fabric:
    """The block behind `mmio`: anything with read(offset) and write(offset, value), such as pynq's MMIO.

    clock  seconds; what time-outs are counted in"""

    def __init__(self, mmio, clock: Callable[[], float] = time.monotonic):
        self.mmio, self.clock = mmio, clock

    def read(self, offset: int) -> int:
        return int(self.mmio.read(offset))

    def identity(self) -> Identity:
        """Read while no sample is under way."""
        magic, version, low, high, sizes, beats, dma_bytes = (self.read(IDENTITY + 4 * i) for i in range(7))
        return Identity(magic, version, high << 32 | low, (sizes & 0xFFFF, sizes >> 16), (beats & 0xFFFF, beats >> 16), dma_bytes)

    def check(self, network) -> int:
        """Bytes of a DMA word. FabricError unless the block is ours, of this version, and has this network's id and streams."""
        found = self.identity()
        if found.magic != MAGIC:
            raise FabricError(f"no measurement block answers (0x{found.magic:08x}); this bitstream is not qapflow's")
        if found.version != VERSION:
            raise FabricError(f"the bitstream's measurement block has version {found.version}, this driver needs {VERSION}")
        if found.id != network.id:
            raise FabricError(
                f"the fabric holds network {found.id:016x}, the package is for {network.id:016x} ({network.name});"
                " load the bitstream of this package"
            )
        for port, stream in enumerate((network.input_stream, network.output_stream)):
            expected = (stream.memory_bytes(found.dma_bytes), stream.beats)
            got = (found.beat_bytes[port], found.beats[port])
            if got != expected:
                raise FabricError(
                    f"the fabric's {('input', 'output')[port]} takes {got} bytes a beat and beats a sample,"
                    f" the package has {expected}"
                )
        return found.dma_bytes

    def clear(self, bin_unit: int = 0) -> None:
        """Set all counters and bins to zero, forget a batch that was cut short, and let a bin be BIN_CYCLES[bin_unit] wide."""
        self.mmio.write(CONTROL, CLEAR | BIN_UNIT * bin_unit)
        end = time.monotonic() + 1.0
        while self.read(STATUS) & WIPING:
            if time.monotonic() > end:
                raise FabricError("the measurement block does not finish clearing its histogram; is its clock running?")

    def flush(self, hold: bool) -> None:
        """While held, the accelerator is in reset, input is taken and dropped, and no output is given."""
        self.mmio.write(CONTROL, FLUSH if hold else 0)

    @property
    def cut_short(self) -> bool:
        """True once a batch ended in the middle of a sample."""
        return bool(self.read(STATUS) & CUT_SHORT)

    def describe(self) -> str:
        """The state of the streams in words, for an error message."""
        status, came_out = self.read(STATUS), self.read(SAMPLES_OUT)
        went_in = self.read(SAMPLES_IN)  # after what came out: in between samples may move, and none comes out that did not go in
        words = [text for bit, text in STATES.items() if status & bit] or ["all streams are quiet"]
        return f"{', '.join(words)}; {went_in} samples went in, {came_out} came out"

    def counters(self) -> Counters:
        """Read every counter; they stand still while no sample is under way."""
        samples = self.read(SAMPLES_OUT)
        interval_least, sum_greatest = self.read(INTERVAL_LEAST), self.read(SUM_GREATEST)
        latency_sum = (sum_greatest >> 20) << 32 | self.read(SUM_LOW)
        return Counters(
            samples_in=self.read(SAMPLES_IN),
            samples_out=samples,
            starved_cycles=self.read(STARVED),
            stalled_cycles=self.read(STALLED),
            latency_min=interval_least & 0xFFFFF if samples else None,
            latency_max=sum_greatest & 0xFFFFF if samples else None,
            latency_mean=latency_sum / samples if samples else None,
            interval_min=interval_least >> 20 if samples > 1 else None,
            interval_mean=self.read(SPAN) / (samples - 1) if samples > 1 else None,
        )

    def histogram(self) -> np.ndarray:
        """int64 [256]: samples by latency modulo 256 bins."""
        return np.array([self.read(HISTOGRAM + 4 * i) for i in range(BINS)], np.int64)

    def latencies(self, bin_unit: int = 0) -> dict:
        """{latency in cycles (the least of its bin): samples}, unfolded with the least latency seen; empty if that is ambiguous.

        bin_unit  what clear() was called with"""
        counters, width = self.counters(), BIN_CYCLES[bin_unit]
        if not counters.samples_out or counters.latency_max // width - counters.latency_min // width >= BINS:
            return {}
        first, counts = counters.latency_min // width, self.histogram()
        return {(first + i) * width: int(counts[(first + i) % BINS]) for i in range(BINS) if counts[(first + i) % BINS]}

    def run_pattern(self, samples: int, timeout: float = 10.0) -> Counters:
        """Feed `samples` samples from the internal source, drop their outputs, and return the counters.

        The pattern's samples follow each other without a gap, so interval_mean is the accelerator's own initiation interval.
        FabricError where nothing comes out for `timeout` seconds, or not as many come out as went in."""
        if not 1 <= samples < 1 << 32:
            raise ValueError(f"the pattern source runs 1 to 4294967295 samples, not {samples}")
        self.clear()
        self.mmio.write(PATTERN_SAMPLES, samples)
        self.mmio.write(CONTROL, PATTERN)
        patience = Patience(timeout, self.clock, lambda: self.read(SAMPLES_OUT))
        while self.read(SAMPLES_OUT) < samples:
            if patience.over():
                state = self.describe()
                self.flush(True)
                self.flush(False)
                raise FabricError(f"of {samples} samples of the pattern source none came out for {timeout:g} s: {state}")
        self.mmio.write(CONTROL, 0)
        return self.require_all(samples)

    def require_all(self, samples: int) -> Counters:
        """The counters, of which both must be `samples` now that nothing is under way; FabricError where they are not."""
        counters = self.counters()
        if not counters.samples_in == counters.samples_out == samples:
            raise FabricError(f"of {samples} samples {counters.samples_in} went in and {counters.samples_out} came out")
        return counters
