"""Measure an accelerator on its board: correctness first, then latency, throughput and what holds them back.

    python measure.py [--largest N] [--json FILE] [--plot FILE]      in the package's driver/ folder

Two clocks: the host's, around predict(), and the fabric's own counters. The pattern source measures the accelerator alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

if __package__:
    from .driver import Driver
    from .network import load_vectors
    from .power import PowerMeter
else:
    from driver import Driver
    from network import load_vectors
    from power import PowerMeter

SCHEMA = 1
LARGEST = 1_000_000
PROBE_SAMPLES = 16
BOARD_CYCLES, SIMULATED_CYCLES = (2**28, 2**33), (250_000, 2_500_000)
"""Of the fabric, that the pattern source's run and the largest batch may take."""
TIMEOUT_S, SIMULATED_TIMEOUT_S = 5.0, 0.2
"""Without any answer. The simulated board counts in its own time, of which a second is 100 million cycles."""
IDLE_S, WORK_S = 2.0, 5.0


@dataclass(frozen=True)
class BatchResult:
    """One batch size. Times are seconds of the host's clock for one batch, the best of `repeats`; cycles are the fabric's.

    pack_s, unpack_s   processor time of the host's work      wait_s   waiting for the DMA      samples_per_s   batch / seconds
    fabric_samples_per_s   clock / mean interval between samples at the accelerator's output; None for a batch of 1
    """

    batch: int
    repeats: int
    seconds: float
    samples_per_s: float
    pack_s: float
    unpack_s: float
    wait_s: float
    latency_min_cycles: int
    latency_mean_cycles: float
    latency_max_cycles: int
    interval_mean_cycles: float | None
    starved_cycles: int
    stalled_cycles: int
    fabric_samples_per_s: float | None


def measure(driver: Driver, largest: int | None, clock_mhz: float, simulated: bool) -> dict:
    """The whole measurement as a dictionary for JSON. RuntimeError where a test vector's answer differs, in whatever batch.

    largest  samples of the largest batch; None: LARGEST, or fewer where those would keep the fabric too long"""
    verified = driver.verify()
    if verified["differing"]:
        raise RuntimeError(
            f"{verified['differing']} of {verified['samples']} test vectors differ from onnxruntime; nothing was measured"
        )
    alone = driver.fabric.run_pattern(1, driver.timeout)
    interval = driver.fabric.run_pattern(PROBE_SAMPLES, driver.timeout).interval_mean
    pattern_cycles, batch_cycles = SIMULATED_CYCLES if simulated else BOARD_CYCLES
    steady = driver.fabric.run_pattern(samples_within(pattern_cycles, interval), driver.timeout)
    vectors = load_vectors(driver.folder)
    sizes = batch_sizes(largest or samples_within(batch_cycles, interval))
    batches = [measure_batch(driver, vectors, batch, clock_mhz, simulated) for batch in sizes]
    return {
        "schema": SCHEMA,
        "network": driver.network.name,
        "sha256": driver.network.sha256,
        "board": driver.bitstream.board,
        "simulated": simulated,
        "clock_mhz": clock_mhz,
        "dma_bits": 8 * driver.dma_bytes,
        "vectors": verified,
        "accelerator": {
            "pattern_samples": steady.samples_out,
            "latency_cycles": alone.latency_max,
            "latency_ns": alone.latency_max * 1000 / clock_mhz,
            "interval_cycles": steady.interval_mean,
            "samples_per_s": clock_mhz * 1e6 / steady.interval_mean,
        },
        "batches": [
            {**asdict(b), "bottleneck": bottleneck(b, batches[-1], steady.interval_mean, clock_mhz, simulated)} for b in batches
        ],
        "latencies": driver.fabric.latencies(),
        "power": measure_power(driver, vectors["x"]),
    }


def samples_within(cycles: int, interval: float) -> int:
    """A power of ten of samples, 10 to LARGEST, that take about so many cycles of the fabric or fewer."""
    return 10 ** max(1, min(len(str(LARGEST)), len(str(int(cycles / interval)))) - 1)


def batch_sizes(largest: int) -> list:
    """1, 10, 100, … and `largest` itself."""
    sizes = [10**i for i in range(7) if 10**i < largest]
    return sizes + [largest]


def measure_batch(driver: Driver, vectors: dict, batch: int, clock_mhz: float, simulated: bool) -> BatchResult:
    """predict() on `batch` samples, a few times where a batch is short; the counters are of the last time. The vectors are taken again
    and again; RuntimeError where an answer is not theirs, FabricError where not as many come out as went in."""
    samples = np.resize(vectors["x"], (batch, vectors["x"].shape[1]))
    expected = driver.network.dequantise(np.resize(vectors["integers"], (batch, vectors["integers"].shape[1])))
    repeats = 1 if simulated or batch >= 100_000 else 10
    best, times = np.inf, None
    for _ in range(repeats):
        driver.fabric.clear()
        begin = time.perf_counter()
        answers = driver.predict(samples)
        seconds = time.perf_counter() - begin
        if seconds < best:
            best, times = seconds, driver.times
        if differing := np.any(answers.reshape(batch, -1) != expected.reshape(batch, -1), axis=1).sum():
            raise RuntimeError(f"{differing} answers in a batch of {batch} are not those of the test vectors")
    counters = driver.fabric.require_all(batch)
    rate = None if counters.interval_mean is None else clock_mhz * 1e6 / counters.interval_mean
    return BatchResult(
        batch=batch,
        repeats=repeats,
        seconds=best,
        samples_per_s=batch / best,
        pack_s=times.pack,
        unpack_s=times.unpack,
        wait_s=times.wait,
        latency_min_cycles=counters.latency_min,
        latency_mean_cycles=counters.latency_mean,
        latency_max_cycles=counters.latency_max,
        interval_mean_cycles=counters.interval_mean,
        starved_cycles=counters.starved_cycles,
        stalled_cycles=counters.stalled_cycles,
        fabric_samples_per_s=rate,
    )


def bottleneck(result: BatchResult, largest: BatchResult, pattern_interval: float, clock_mhz: float, simulated: bool) -> str:
    """What takes the time of a batch: "host packing", "DMA", "accelerator" or "batch overhead".

    Each has its cost per sample: the host's work and the interval at the accelerator's output in the largest batch. A batch that
    takes more than twice the greater of the two is held back by its fixed cost. A simulation has no true clock for a batch: the
    host's work and the fabric's cycles stand for it. Where the fabric is the slower side, it is the accelerator if samples came
    as fast as from the pattern source, else the DMA."""
    host_s = (largest.pack_s + largest.unpack_s) / largest.batch
    interval = largest.interval_mean_cycles or pattern_interval
    fabric_s = interval / (clock_mhz * 1e6)
    own_fabric_s = (result.latency_mean_cycles + (result.interval_mean_cycles or 0.0) * (result.batch - 1)) / (clock_mhz * 1e6)
    seconds = max(result.pack_s + result.unpack_s, own_fabric_s) if simulated else result.seconds
    if seconds > 2 * result.batch * max(host_s, fabric_s):
        return "batch overhead"
    if host_s > fabric_s:
        return "host packing"
    return "DMA" if interval > 1.02 * pattern_interval else "accelerator"


def measure_power(driver: Driver, x: np.ndarray) -> dict | None:
    """Mean power (W) of the board's rails at rest and at work, and energy per sample (J); None where the board reports none."""
    meter = PowerMeter()
    if not meter.rails:
        return None
    idle = meter.watch(lambda: time.sleep(IDLE_S))
    samples = 0
    big = np.resize(x, (driver.batch, x.shape[1]))

    def work():
        nonlocal samples
        while time.perf_counter() - begin < WORK_S:
            driver.predict(big)
            samples += len(big)

    begin = time.perf_counter()
    busy = meter.watch(work)
    rate = samples / (time.perf_counter() - begin)
    total = max(busy, key=busy.get)
    return {
        "idle_w": idle,
        "busy_w": busy,
        "rail": total,
        "samples_per_s": rate,
        "joule_per_sample": busy[total] / rate,
        "joule_per_sample_above_idle": (busy[total] - idle[total]) / rate,
    }


def print_table(result: dict) -> None:
    """The measurement for a person."""
    simulated = result["simulated"]
    print(
        f"{result['network']} on {result['board']}{' (simulated)' if simulated else ''}, {result['clock_mhz']:g} MHz,"
        f" {result['dma_bits']}-bit DMA"
    )
    vectors, alone = result["vectors"], result["accelerator"]
    print(f"test vectors: {vectors['samples'] - vectors['differing']} of {vectors['samples']} equal")
    print(
        f"accelerator alone (pattern source, {alone['pattern_samples']:,} samples):"
        f" latency {alone['latency_cycles']} cycles = {alone['latency_ns']:.0f} ns,"
        f" a sample every {alone['interval_cycles']:.3g} cycles = {alone['samples_per_s'] / 1e6:.3g} M/s"
    )
    if simulated:
        print(
            "host times are those of this simulation; cycles are exact, and the simulated DMA has no memory latency"
        )
    print(
        f"{'batch':>9} {'host time':>11} {'samples/s':>10} {'pack':>9} {'unpack':>9}   "
        f"{'latency (cycles)':>20} {'interval':>9} {'starved':>9} {'stalled':>9}  bottleneck"
    )
    for b in result["batches"]:
        latency = f"{b['latency_min_cycles']}/{b['latency_mean_cycles']:.1f}/{b['latency_max_cycles']}"
        interval = "-" if b["interval_mean_cycles"] is None else f"{b['interval_mean_cycles']:.3f}"
        print(
            f"{b['batch']:>9} {b['seconds'] * 1e3:>8.3f} ms {b['samples_per_s']:>10.3g}"
            f" {b['pack_s'] * 1e3:>6.2f} ms {b['unpack_s'] * 1e3:>6.2f} ms"
            f"   {latency:>20} {interval:>9} {b['starved_cycles']:>9} {b['stalled_cycles']:>9}  {b['bottleneck']}"
        )
    power = result["power"]
    if power is None:
        print("power: the board reports none")
    else:
        print(
            f"power: rail {power['rail']} {power['idle_w'][power['rail']]:.2f} W at rest,"
            f" {power['busy_w'][power['rail']]:.2f} W at work,"
            f" {power['joule_per_sample'] * 1e6:.3g} µJ a sample"
        )


def measure_here(largest: int | None, timeout: float | None) -> dict:
    """On the board that pynq finds. A simulated one has a time of its own: however slow it is, it is not late."""
    import pynq

    simulated = bool(os.environ.get("QAPFLOW_SIMULATION"))
    clock = pynq.Device.active_device.seconds if simulated else time.monotonic
    with Driver(timeout=timeout or (SIMULATED_TIMEOUT_S if simulated else TIMEOUT_S), clock=clock) as driver:
        return measure(driver, largest, float(pynq.Clocks.fclk0_mhz), simulated)


def main(arguments: list | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the accelerator of this package on this board.")
    parser.add_argument("--largest", type=int, help=f"the largest batch (default: {LARGEST:,}, or fewer for a slow accelerator)")
    parser.add_argument("--json", type=Path, help="write the measurement here")
    parser.add_argument("--plot", type=Path, help="draw it here (needs matplotlib)")
    parser.add_argument("--timeout", type=float, help="seconds without an answer after which it is given up, on the simulated board "
                        f"in its own time (default: {TIMEOUT_S:g}; simulated {SIMULATED_TIMEOUT_S:g}, which are 20 million cycles)")
    options = parser.parse_args(arguments)
    if options.largest is not None and options.largest < 1:
        parser.error("--largest must be at least 1")
    try:
        result = measure_here(options.largest, options.timeout)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    print_table(result)
    if options.plot:
        from plot import draw

        draw(result, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
