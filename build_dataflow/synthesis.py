"""Yosys' counts of a build: for its part's family, for the other one where that costs little, and what stands for them where Yosys
takes too long."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import asdict
from pathlib import Path

from build_dataflow.configuration import BuildOptions, family_of
from build_dataflow.jsonfile import read_json, write_json
from finn_steps.accelerator import Accelerator
from finn_steps.synthesis.by_layer import LayerSum, by_layer
from finn_steps.synthesis.yosys import FAMILIES, SynthesisResult, SynthesisTimeout, synthesise, version
from finn_steps.tools.processes import end_children, side_by_side

SMALL_LUT = 20_000
"""By the estimate. A design up to this size may be counted for both families; a larger one for its part's, and its layers apart, which
are done sooner."""
IDLE_CORES = 4
"""So many cores have some to spare for the second family; on fewer it would take its time from the build."""
COUNTS = ("lut", "ff", "carry", "dsp", "bram")


def synthesise_build(folder: Path, build: BuildOptions) -> dict:
    """What summary.json says under `synthesis`. Yosys runs twice at once at most, and `build.synthesis_timeout` seconds in all."""
    family, estimated = family_of(build.part), read_json(folder / "report" / "estimate.json")
    large = is_large(folder)
    spare = not large and (os.cpu_count() or 1) >= IDLE_CORES
    others = [name for name in FAMILIES if name != family] if build.families == "all" or build.families == "auto" and spare else []
    count = Counter(build.synthesis_timeout)
    with side_by_side(2) as pool:
        whole = {name: pool.submit(count, folder / "rtl", name) for name in (family, *others)}
        apart = pool.submit(layers_apart, folder, count, family) if large else None
        found = {name: outcome(future) for name, future in whole.items()}
        layers = finished(apart, found[family] is None, count.stop)
    parts = {} if layers is None else {"by_layer": layers_as_json(layers)}
    result = found.pop(family)
    told = {"lut_from": "yosys", **asdict(result)} if result else instead(layers, estimated)
    done = {name: {"family": name, **asdict(other)} for name, other in found.items() if other}
    return {"family": family, **told, "timed_out": result is None, "timeout_s": build.synthesis_timeout, **parts, "other_families": done}


def is_large(folder: Path) -> bool:
    """Whether the build in `folder` is estimated to be more than SMALL_LUT."""
    return read_json(folder / "report" / "estimate.json")["lut"] > SMALL_LUT


class Counter:
    """synthesise(folder, family) until a time that all calls share; after `stop` is set, none begins."""

    def __init__(self, timeout: float):
        self.end, self.timeout, self.stop = time.monotonic() + timeout, timeout, threading.Event()

    def __call__(self, folder: Path, family: str) -> SynthesisResult:
        left = self.end - time.monotonic()
        if left <= 0 or self.stop.is_set():
            raise SynthesisTimeout(f"no time was left of {self.timeout:g} s")
        return synthesise(folder, family, timeout=left)


def layers_apart(folder: Path, count: Callable[[Path, str], SynthesisResult], family: str) -> LayerSum:
    """The early estimate, which report/by_layer.json has as soon as it is known."""
    found = by_layer(Accelerator.load(folder), lambda rtl: count(rtl, family))
    write_json(folder / "report" / "by_layer.json", layers_as_json(found))
    return found


def layers_as_json(found: LayerSum) -> dict:
    counts = [{"name": name, **{key: getattr(result, key) for key in COUNTS}} for name, result in found.layers.items()]
    return {**{key: getattr(found, key) for key in COUNTS}, "error": found.error, "layers": counts}


def outcome(future: Future) -> SynthesisResult | None:
    """None where the time was over."""
    try:
        return future.result()
    except SynthesisTimeout:
        return None


def finished(apart: Future | None, needed: bool, stop: threading.Event) -> LayerSum | None:
    """The sum of the layers if it is there; waited for where nothing else is, and given up where the whole was faster."""
    if apart is None or needed or apart.done():
        return None if apart is None else outcome(apart)
    stop.set()
    apart.cancel()
    end_children()
    try:
        return apart.result()
    except (RuntimeError, CancelledError):
        return None


def instead(layers: LayerSum | None, estimated: dict) -> dict:
    """What is told of a design that Yosys was not done with: the sum of its layers, or the cost model's estimate."""
    if layers is not None:
        return {"lut_from": "layers", **{key: getattr(layers, key) for key in COUNTS}, "tool": version()}
    return {"lut_from": "estimate", **{key: estimated[key] for key in COUNTS if key in estimated}, "tool": version()}


def luts_for_budget(rtl: Path, build: BuildOptions) -> int:
    """Of the whole design, for the part's family. RuntimeError where Yosys takes longer than it may."""
    try:
        return synthesise(rtl, family_of(build.part), timeout=build.synthesis_timeout).lut
    except SynthesisTimeout as error:
        raise RuntimeError(f"{build.name}: --lut-budget holds for what Yosys counts, and {error}; allow more with --synthesis-timeout, "
                           "or budget by the estimate with --no-synthesis") from None
