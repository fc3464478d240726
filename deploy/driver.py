"""Run a qapflow accelerator on a PYNQ board: numpy in, numpy out.

    from driver import Driver
    with Driver() as accelerator:          # in the package's driver/ folder, with ../bitfile beside it
        scores = accelerator.predict(x)    # float32 [N, features] -> float32 [N, outputs]

Needs numpy alone to be imported, and pynq when the overlay is loaded. The host quantises, packs, sends batches by DMA,
unpacks and scales; while one batch is in the fabric the next is packed and the last unpacked.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

if __package__:
    from .bitfile import find_bitstream
    from .fabric import SAMPLES_OUT, Fabric, FabricError, Patience
    from .network import Network, load_vectors
else:
    from bitfile import find_bitstream
    from fabric import SAMPLES_OUT, Fabric, FabricError, Patience
    from network import Network, load_vectors

HERE = Path(__file__).resolve().parent
LOCK = Path(os.environ.get("QAPFLOW_LOCK", "/tmp/qapflow-overlay.lock"))
RESET, RESET_TIME = 4, 1.0


class DMAError(RuntimeError):
    """A transfer that failed or did not end in time; the message has the state of the streams. The driver has recovered."""


@dataclass
class Times:
    """Seconds of the last run(): of this thread, packing (with quantising) and unpacking; of the clock, waiting for the DMA."""

    pack: float = 0.0
    wait: float = 0.0
    unpack: float = 0.0


@dataclass
class Slot:
    """One pair of DMA buffers, and the samples that they hold now."""

    send: np.ndarray
    receive: np.ndarray
    samples: int = 0


class Driver:
    """A loaded accelerator.

    folder      the package's driver/ folder
    bitfile     the .bit to load; by default the one in ../bitfile or in `folder`
    timeout     seconds without an answer after which a transfer is given up; a slow accelerator that answers is waited for
    batch       samples of one DMA transfer
    download    False leaves the fabric as it is (the same bitstream was loaded before)
    clock       what `timeout` is counted by; the simulated board has a time of its own
    """

    def __init__(
        self,
        folder: Path | str = HERE,
        bitfile: Path | str | None = None,
        timeout: float = 5.0,
        batch: int = 16384,
        download: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.network = Network.load(folder)
        self.folder = Path(folder)
        self.bitstream = find_bitstream(self.folder, bitfile, self.network)
        self.timeout = timeout
        self.batch = batch
        self.clock = clock
        self.times = Times()
        self._lock = take_lock()
        try:
            self._load(download)
        except BaseException:
            self.close()
            raise

    def _load(self, download: bool) -> None:
        import pynq
        import pynq.lib.dma

        self.overlay = load_overlay(pynq, self.bitstream, download)
        check_clock(float(pynq.Clocks.fclk0_mhz), self.bitstream)
        self.fabric = Fabric(block_registers(pynq, self.overlay), self.clock)
        self.dma_bytes = self.fabric.check(self.network)
        self.dma = self.overlay.dma
        self._recover()
        frame = self.network.input_stream.frame_bytes(self.dma_bytes), self.network.output_stream.frame_bytes(self.dma_bytes)
        self.batch = max(1, min(self.batch, self.dma.buffer_max_size // max(frame)))
        self._slots = [Slot(*(pynq.allocate((self.batch, size), np.uint8) for size in frame)) for _ in range(2)]

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Give back the buffers and the board; the overlay stays loaded."""
        for slot in getattr(self, "_slots", []):
            for buffer in (slot.send, slot.receive):
                buffer.freebuffer()
        self._slots = []
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def predict(self, x: np.ndarray) -> np.ndarray:
        """float32 [N, features] -> float32 model outputs [N, outputs]; N may be 0."""
        return self.network.dequantise(self.run(x))

    def run(self, x: np.ndarray) -> np.ndarray:
        """float32 [N, features] -> the accelerator's integers, int64 [N, MH].

        ValueError for a wrong shape or NaN, before anything is sent. DMAError where the hardware does not answer."""
        if self._lock is None:
            raise RuntimeError("this driver was closed; make a new one")
        x = self.network.check(x)
        try:
            return self._run(x)
        except DMAError:
            raise
        except BaseException:  # an interrupt, or a value that does not fit in a later batch: nothing stays under way
            self._recover()
            raise

    def _run(self, x: np.ndarray) -> np.ndarray:
        y = np.empty((len(x), self.network.output_stream.elements), np.int64)
        starts = list(range(0, len(x), self.batch))
        self.times = times = Times()
        before = None
        for i, start in enumerate(starts):
            slot = self._slots[i % 2]
            if i == 0:
                self._encode(slot, x[: self.batch], times)
            self._start(slot)
            if i + 1 < len(starts):
                self._encode(self._slots[(i + 1) % 2], x[start + self.batch : start + 2 * self.batch], times)
            if before is not None:
                self._decode(self._slots[(i + 1) % 2], y[before : before + self.batch], times)
            self._wait(slot, times)
            before = start
        if before is not None:
            self._decode(self._slots[(len(starts) - 1) % 2], y[before:], times)
        return y

    def verify(self) -> dict:
        """Run the package's test vectors: {"samples", "differing", "largest_output_error"}; a float error is the host's exp()."""
        vectors = load_vectors(self.folder)
        y = self.run(vectors["x"])
        outputs = self.network.dequantise(y)
        return {
            "samples": len(y),
            "differing": int(np.any(y != vectors["integers"], axis=1).sum()),
            "largest_output_error": float(np.abs(outputs.reshape(-1) - vectors["outputs"].reshape(-1)).max(initial=0.0)),
        }

    def _encode(self, slot: Slot, x: np.ndarray, times: Times) -> None:
        begin = time.thread_time()
        slot.samples = len(x)
        self.network.encode(x, self.dma_bytes, np.asarray(slot.send)[: len(x)])
        times.pack += time.thread_time() - begin

    def _decode(self, slot: Slot, y: np.ndarray, times: Times) -> None:
        begin = time.thread_time()
        y[...] = self.network.output_stream.unpack(np.asarray(slot.receive)[: len(y)], self.dma_bytes)
        times.unpack += time.thread_time() - begin

    def _start(self, slot: Slot) -> None:
        """Begin the transfer of one batch, receiving side first."""
        self.dma.recvchannel.transfer(slot.receive, nbytes=slot.samples * slot.receive.shape[1])
        self.dma.sendchannel.transfer(slot.send, nbytes=slot.samples * slot.send.shape[1])

    def _wait(self, slot: Slot, times: Times) -> None:
        """Until both directions are done; DMAError, with the streams' state, when one fails, ends short or takes too long."""
        begin, patience = time.perf_counter(), Patience(self.timeout, self.clock, lambda: self.fabric.read(SAMPLES_OUT))
        channels = {"sending": self.dma.sendchannel, "receiving": self.dma.recvchannel}
        for name, channel in channels.items():
            while True:
                idle, failed = channel.idle, [other for other, one in channels.items() if one.error]
                if failed:
                    self._give_up(f"the DMA reports an error while {failed[0]} {slot.samples} samples")
                if idle:
                    break
                if self.fabric.cut_short:
                    self._give_up(f"the fabric lost its place while {name} {slot.samples} samples")
                if patience.over():
                    self._give_up(f"the DMA was not done {name} {slot.samples} samples, and none came for {self.timeout:g} s")
            channel.wait()
        expected = slot.samples * slot.receive.shape[1]
        if self.dma.recvchannel.transferred != expected or self.fabric.cut_short:
            self._give_up(f"{self.dma.recvchannel.transferred} of {expected} bytes came back")
        times.wait += time.perf_counter() - begin

    def _give_up(self, what: str) -> None:
        state = self.fabric.describe()
        flags = f"DMA status: send 0x{self.dma.mmio.read(0x04):x}, receive 0x{self.dma.mmio.read(0x34):x}"
        self._recover()
        raise DMAError(f"{self.network.name}: {what}. Streams: {state}. {flags}. Both were reset; the next batch can be sent.")

    def _recover(self) -> None:
        """Bring fabric and DMA to their first state, whatever was under way: drain, reset, start."""
        self.fabric.flush(True)
        self.dma.mmio.write(0x00, RESET)
        end = time.monotonic() + RESET_TIME
        while self.dma.mmio.read(0x00) & RESET or self.dma.mmio.read(0x30) & RESET:
            if time.monotonic() > end:
                raise FabricError("the DMA does not come out of reset; load the bitstream again")
        self.fabric.flush(False)
        self.fabric.clear()
        for channel in (self.dma.sendchannel, self.dma.recvchannel):
            channel.start()


def load_overlay(pynq, bitstream, download: bool):
    """pynq's Overlay of the bitstream. pynq 4.0 finds no frequency in a Zynq-7000's .hwh and then fails; it is told ours."""
    overlay = pynq.Overlay(str(bitstream.path), download=False)
    if download:
        for clock in overlay.clock_dict.values():
            if clock.get("enable") and clock.get("frequency", 0) is None:
                clock["frequency"] = bitstream.clock_mhz
        overlay.download()
    return overlay


def check_clock(mhz: float, bitstream) -> None:
    """FabricError where the fabric runs faster than the bitstream was timed for: its answers could be wrong."""
    if mhz > 1.01 * bitstream.clock_mhz:
        raise FabricError(
            f"the fabric runs at {mhz:g} MHz, the bitstream was timed for {bitstream.clock_mhz:g} MHz;"
            " set the clock with pynq.Clocks, or load the bitstream again"
        )


def block_registers(pynq, overlay):
    """MMIO of the measurement block; pynq files it under the cell's name or under cell/port."""
    for name, entry in overlay.ip_dict.items():
        if name.split("/")[0] == "accelerator" and "phys_addr" in entry:
            return pynq.MMIO(entry["phys_addr"], entry["addr_range"], device=overlay.device)
    raise FabricError(f"the overlay has no cell 'accelerator' but {', '.join(overlay.ip_dict)}; this bitstream is not qapflow's")


def take_lock():
    """The board's one fabric, for this process alone until the file is closed; RuntimeError while another holds it."""
    try:
        descriptor = os.open(LOCK, os.O_RDWR)  # without O_CREAT, which the kernel forbids on another user's file in /tmp
    except FileNotFoundError:
        descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    handle = os.fdopen(descriptor, "r+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise RuntimeError(f"process {owner} uses the accelerator; close its driver (or end it) first") from None
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle
