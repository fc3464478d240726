"""A whole accelerator at a rate or within a budget, as a build makes it: the tuner's foldings, top level and memories,
simulated and counted."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.folding.choose import choose_foldings, choose_within
from finn_steps.folding.tune import Limits
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from finn_steps.tools.cache import content_key
from tests.benchmarks.counts import count_rtl
from tests.benchmarks.kept import Kept, network_content
from tests.nets import random_inputs

FINN_STEPS = Path(generate.__code__.co_filename).parents[1]
FRAMES = 500


def sources() -> str:
    """A hash of all that decides what a build makes."""
    files = [path for path in sorted(FINN_STEPS.rglob("*")) if path.suffix in (".py", ".sv", ".json")]
    return content_key(*(path.read_bytes() for path in files))


def design(kept: Kept, accelerator: Accelerator, target_ii: int | None, limits: Limits = Limits()) -> dict:
    """Yosys' counts for 7 series with memories allowed; `latency` and `ii` in cycles and `equal` of FRAMES frames as simulated
    at the ports; `seconds` of choosing and of generating; `foldings`. {"failed": why} where nothing is within the limits."""
    held = [] if limits.lut is None else ["by Yosys' count"]
    asked = [sources(), str(target_ii), str(limits), *held, *network_content(accelerator)]
    made = kept("design", asked, lambda: make(kept, accelerator, target_ii, limits))
    if "failed" in made:
        return made
    foldings = {name: Folding(**folding) for name, folding in made["foldings"].items()}
    with tempfile.TemporaryDirectory() as folder:
        rtl = generate(accelerator.with_foldings(foldings), folder)
        files = {name: content.decode() for name, content in rtl.contents().items()}
    simulated = kept("design-simulation", [*network_content(accelerator), *(part for item in files.items() for part in item)],
                     lambda: simulate(accelerator.with_foldings(foldings)))
    counts = count_rtl(kept, files, "finn_accel", "xc7", strict=False)
    return {**counts, **simulated, "build_s": made["seconds"], "foldings": made["foldings"]}


def make(kept: Kept, accelerator: Accelerator, target_ii: int | None, limits: Limits) -> dict:
    """As a build chooses: a LUT budget holds for what Yosys counts."""
    started = time.process_time()
    try:
        if limits.lut is None:
            foldings = choose_foldings(accelerator, target_ii, limits)
        else:
            foldings = choose_within(limits.lut, lambda folded: counted(kept, folded)["lut"], accelerator, target_ii, limits, 1)
    except ValueError as error:
        return {"failed": str(error)}
    with tempfile.TemporaryDirectory() as folder:
        generate(accelerator.with_foldings(foldings), folder)
    seconds = round(time.process_time() - started, 1)
    return {"foldings": {name: asdict(folding) for name, folding in foldings.items()}, "seconds": seconds}


def counted(kept: Kept, accelerator: Accelerator) -> dict:
    """Yosys' counts of the whole accelerator, as in design(). RuntimeError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: content.decode() for name, content in generate(accelerator, folder).contents().items()}
    counts = count_rtl(kept, files, "finn_accel", "xc7", strict=False)
    if "failed" in counts:
        raise RuntimeError(counts["failed"])
    return counts


def simulate(accelerator: Accelerator) -> dict:
    """Frames back to back, and again under gaps and stalls."""
    x = random_inputs(np.random.default_rng(3), FRAMES, accelerator.MW, accelerator.idt)
    expected = accelerator.execute(x)
    with tempfile.TemporaryDirectory() as folder:
        generate(accelerator, folder)
        simulation = Simulation.build(folder)
        free = simulation.run(x)
        stalled = simulation.run(x, 0.3, 0.3, seed=1)
    equal = (free.y == expected).all(1) & (stalled.y == expected).all(1)
    return {"equal": int(equal.sum()), "latency": free.latency_cycles, "ii": free.ii_cycles}


def describe(foldings: dict[str, dict]) -> str:
    """How each layer is built, in few words."""
    told = {"folded": "PE {PE} SIMD {SIMD}", "bitplane": "planes of {digits}", "serial": "serial in {max_cycles}", "unrolled": "unrolled"}
    return "; ".join(told[folding["style"]].format(**folding) for folding in foldings.values())
