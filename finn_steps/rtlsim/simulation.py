"""Run frames through compiled RTL; everything is seen from outside, at the ports."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finn_steps.rtl.design import Design
from finn_steps.rtlsim.compiler import LEVELS, compile_design
from finn_steps.rtlsim.objects import header, library
from finn_steps.tools.cache import cache_folder as default_cache_folder
from finn_steps.tools.processes import run_child, side_by_side

STEADY_FRAMES = 64
"""Frames sent back to back to measure the initiation interval, of which the second half counts."""
SHARE_CYCLES = 100_000
"""Worth a process of their own: a batch of twice as many is simulated in two parts at once."""


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """What came out of the ports.

    y               int64 [N, MH], the answers in order
    latency_cycles  from the cycle in which the first beat of a frame, alone in the design, is taken to that in which the last
                    beat of its answer is given
    ii_cycles       cycles from answer to answer with frames back to back and no stall, in steady state
    cycles          all cycles of this run, reset excluded; of a batch in parts, those of all parts
    """

    y: np.ndarray
    latency_cycles: int
    ii_cycles: float
    cycles: int


@dataclass(frozen=True, eq=False)
class Trace:
    """One run: answers, and for each frame the cycle of its first beat in and of its last beat out."""

    y: np.ndarray
    taken: np.ndarray
    given: np.ndarray
    cycles: int


@dataclass(frozen=True)
class Simulation:
    """A compiled design: `program` is the executable, which reads the memory files of the design's folder."""

    design: Design
    program: Path

    @staticmethod
    def prepare() -> None:
        """Compile what every simulation is linked with and most include, once on a machine."""
        folder = default_cache_folder("rtlsim")
        library(folder, header(folder, LEVELS[0]))

    @classmethod
    def build(cls, rtl_folder: Path | str, cache_folder: Path | str | None = None, samples: int = 0) -> Simulation:
        """Compile what generate() wrote, or take it from the cache (default: $QAPFLOW_CACHE/rtlsim or ~/.cache/qapflow/rtlsim).

        samples  to be simulated, about: for many of them it is compiled slowly, to run fast
        RuntimeError where g++ is missing or the RTL is rejected.
        """
        design = Design.load(rtl_folder)
        return cls(design, compile_design(design, Path(cache_folder or default_cache_folder("rtlsim")), samples * design.ii))

    def run(self, x: np.ndarray, input_gaps: float = 0.0, output_stalls: float = 0.0, seed: int = 0) -> SimulationResult:
        """int64 [N, MW], N at least 1, as one batch (TLAST with its last beat); a long one as a batch for each core, side by side.

        For the share `input_gaps` of cycles the input waits, for `output_stalls` the output is not ready, both in random runs
        of 1 to 128 cycles. RuntimeError where the stream hangs or breaks the protocol; TLAST must come once, at the very end.
        """
        x = np.asarray(x, dtype=np.int64)
        parts = np.array_split(x, max(1, min(os.cpu_count() or 1, len(x), len(x) * self.design.ii // SHARE_CYCLES)))
        steady_in_first = len(parts[0]) >= STEADY_FRAMES and not input_gaps and not output_stalls
        with side_by_side(os.cpu_count()) as pool:
            runs = [pool.submit(self.trace, part, input_gaps, output_stalls, seed + place) for place, part in enumerate(parts)]
            alone = pool.submit(self.trace, x[:1], seed=seed, wait=self.design.ii).result()
            repeated = x[np.arange(STEADY_FRAMES) % len(x)]
            steady = runs[0].result() if steady_in_first else pool.submit(self.trace, repeated, seed=seed).result()
            traces = [run.result() for run in runs]
        half = len(steady.given) // 2
        ii = (steady.given[-1] - steady.given[half]) / (len(steady.given) - 1 - half)
        y, cycles = np.concatenate([trace.y for trace in traces]), sum(trace.cycles for trace in traces)
        return SimulationResult(y, int(alone.given[0] - alone.taken[0]), float(ii), cycles)

    def trace(
        self,
        x: np.ndarray,
        input_gaps: float = 0.0,
        output_stalls: float = 0.0,
        seed: int = 0,
        resets: tuple[int, ...] = (),
        patience: int = 500_000,
        wait: int = 0,
    ) -> Trace:
        """One run of the batch x, int64 [N, MW], from reset.

        At each cycle of `resets` (ascending) the design is reset in mid-stream, for one to four cycles, and the batch sent anew; the answers are
        those after the last reset. `patience` is how many cycles without any transfer count as hung. The first beat is offered
        `wait` cycles after reset. Where nothing waits (interface valid), frames come every `ii` cycles at the most, and ValueError where
        the output is to be stalled; answers that are not all equally late are a RuntimeError.
        """
        x = np.asarray(x, dtype=np.int64)
        if len(x) == 0:
            raise ValueError("a simulation needs at least one frame")
        waits = self.design.interface == "stream"
        if output_stalls and not waits:
            raise ValueError("a simulation of interface valid has no output that could be stalled")
        into, out = self.design.input_stream, self.design.output_stream
        sizes, pace = (len(x), into.beats, into.bytes, out.beats, out.bytes), 0 if waits else self.design.ii
        numbers = (*sizes, input_gaps, output_stalls, seed, patience, wait, pace, *resets)
        with tempfile.NamedTemporaryFile(prefix="qapflow-frames-") as file:
            file.write(into.pack(x).tobytes())
            file.flush()
            done = run_child([self.program.resolve(), file.name, *map(str, numbers)], text=False, cwd=self.design.folder)
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise RuntimeError(f"simulation of {self.design.folder}: {reason.splitlines()[-1]}")
        times = np.frombuffer(done.stdout, dtype="<u8", count=1 + 2 * len(x)).astype(np.int64)
        beats = np.frombuffer(done.stdout, dtype=np.uint8, offset=times.size * 8).reshape(-1, out.bytes)
        return Trace(out.unpack(beats), times[1 : 1 + len(x)], times[1 + len(x) :], int(times[0]))
