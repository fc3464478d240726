"""What else could have been built: the points of `build --explore`, or a few of them, computed by the cost model and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from build_dataflow.jsonfile import read_json, write_json
from build_dataflow.page.facts import Facts

STYLES = {"unrolled": "unrolled", "bitplane": "bit planes", "serial": "bit-serial", "folded": "folded", "any": "any mix"}
MOST_NONZEROS = 2_000
"""Of a network whose alternatives are computed for a page: a larger one takes minutes."""


def alternatives_of(build: Facts, say: Callable[[str], None]) -> dict[str, Any]:
    """`points` as explore.json has them, `clocks` as explore_clock.json, `source` in words; or `unknown`, why there are none."""
    report = build.folder / "report"
    points, clocks = read_json(report / "explore.json"), read_json(report / "explore_clock.json")
    if points:
        return {"points": points, "clocks": clocks or [], "source": "`build --explore`"}
    kept = read_json(report / "alternatives.json")
    if kept:
        return kept
    nonzeros = sum(layer["nonzeros"] for layer in build.hardware["layers"])
    if nonzeros > MOST_NONZEROS:
        return {"unknown": f"They were not computed: {nonzeros:,} weights take minutes. `build NAME --explore` computes them."}
    say("pricing the alternatives with the cost model (once for a build)")
    source = "the cost model, at a few rates; `build NAME --explore` computes more, and clocks"
    found = {"points": computed(build), "clocks": [], "source": source}
    write_json(report / "alternatives.json", found)
    return found


def computed(build: Facts) -> list[dict[str, Any]]:
    """The least area of each style and of any mix at a few rates, with the build's own registers."""
    from finn_steps.folding.choice import styles_of
    from finn_steps.folding.devices import within_device
    from finn_steps.folding.explore import MIXED, point_of
    from finn_steps.folding.tune import Limits, Tuner

    accelerator, limits = build.accelerator, within_device(Limits(), build.hardware["part"])
    every = max(layer.folding.registers_every for layer in accelerator.layers)
    allowed, found = styles_of(accelerator), []
    for name, styles in (*((style, (style,)) for style in allowed), (MIXED, allowed)):
        tuner, before = Tuner(accelerator, every, styles), None
        for target_ii in RATES:
            best = tuner.least_area(target_ii, limits)
            if best is not None and (before is None or best.area < before):
                found.append(asdict(point_of(name, best)))
                before = best.area
    return found


RATES = (1, 4, 8, 16, 64)


def chosen(build: Facts) -> dict[str, Any]:
    """What was built, as a point among them: II and latency as they were measured, cells by the cost model as those of the others are."""
    hardware, estimate = build.hardware, build.summary.get("estimate", {})
    layers = ", ".join(dict.fromkeys(layer["style"] for layer in hardware["layers"]))
    return {"style": "this build", "ii": hardware["ii_cycles"], "lut": estimate.get("lut"), "ff": estimate.get("ff"),
            "latency": hardware["latency_cycles"], "latency_ns": hardware["latency_cycles"] * hardware["clock_ns"],
            "clock_ns": hardware["clock_ns"], "layers": layers}
