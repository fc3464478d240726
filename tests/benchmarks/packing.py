"""How fast the host packs on one core: `python -m tests.benchmarks.packing`. Best of five, millions of samples a second."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from deploy.network import Network
from deploy.packing import Stream

SAMPLES = 1_000_000
FORMATS = {
    "16 x INT8": Stream(16, 8, True, 16),
    "16 x INT6": Stream(16, 6, True, 16),
    "16 x UINT4": Stream(16, 4, False, 16),
    "5 x INT12": Stream(5, 12, True, 5),
    "5 x INT16": Stream(5, 16, True, 5),
}


def best(work) -> float:
    """Millions of samples a second, the best of five."""
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return SAMPLES / min(seconds) / 1e6


def main() -> None:
    rng = np.random.default_rng(0)
    for name, stream in FORMATS.items():
        x = rng.integers(stream.low, stream.high, (SAMPLES, stream.elements), endpoint=True).astype(np.float32)
        memory = stream.pack(x)
        packed, unpacked = best(partial(stream.pack, x, 8, memory)), best(partial(stream.unpack, memory))
        print(f"{name:>10}: pack {packed:7.1f} M/s, unpack {unpacked:7.1f} M/s")
    stream = FORMATS["16 x INT8"]
    head = (
        ("sub", rng.normal(0, 1, 16).astype(np.float32)),
        ("div", rng.uniform(1, 2, 16).astype(np.float32)),
        ("div", np.float32(0.0625)),
        ("round", None),
        ("clip", np.float32([-128, 127])),
    )
    jets = Network("jets", "0" * 64, 16, np.arange(16), head, (), stream, FORMATS["5 x INT12"])
    x, memory = rng.normal(0, 1, (SAMPLES, 16)).astype(np.float32), np.empty((SAMPLES, 16), np.uint8)
    print(f"jets, normalised, quantised, checked and packed: {best(lambda: jets.encode(x, 8, memory)):.1f} M/s")


if __name__ == "__main__":
    main()
