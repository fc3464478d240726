"""Several builds side by side: a table of what matters, a chart of it, and the ROCs of their hardware over one another."""

from __future__ import annotations

from typing import Any

from build_dataflow.page.charts import choice, physics
from build_dataflow.page.facts import Facts, at

ROWS = (
    ("Accuracy in hardware", "accuracy.hardware", ".4f"), ("Latency (cycles)", "hardware.latency_cycles", ","),
    ("II (cycles)", "hardware.ii_cycles", "g"),
    ("Clock (ns)", "hardware.clock_ns", "g"), ("LUT", "synthesis.lut", ","), ("FF", "synthesis.ff", ","), ("DSP", "synthesis.dsp", ","),
    ("BRAM (18 Kbit)", "synthesis.bram", ","), ("Nonzero weights", "model.nonzero_weights", ","),
    ("Samples verified", "verification.samples", ","), ("Samples that differ", "verification.mismatches", ","),
)
"""Title, field of summary.json, and format."""
AGAINST = {"accuracy": "accuracy in hardware", "latency_ns": "latency (ns)", "ff": "flip-flops", "nonzeros": "nonzero weights"}


def compare(builds: list[Facts]) -> dict[str, Any]:
    """`rows` and `charts` for the template."""
    made = {"comparison": choice.comparison([row for build in builds if (row := figures(build))["lut"] is not None])}
    told = [{"title": title, "path": path, "form": form} for title, path, form in ROWS
            if any(at(build.summary, path) is not None for build in builds)]
    overlaid = [build for build in builds if build.performance and build.performance["nets"].get("hardware", {}).get("roc")]
    classes = overlaid[0].performance["classes"] if overlaid else []
    same = [build for build in overlaid if build.performance["classes"] == classes]
    if len(same) > 1:
        curves = [{"series": build.name, "roc": build.performance["nets"]["hardware"]["roc"]} for build in same]
        made["roc"] = physics.roc(curves, same[0].performance["signal_efficiency"], classes, "build")
    return {"rows": told, "charts": made, "classes": classes, "series": [build.name for build in same], "against": AGAINST}


def figures(build: Facts) -> dict[str, Any]:
    """What the chart sets against LUTs; LUTs by the estimate where Yosys did not count."""
    hardware, cells = build.hardware, build.summary.get("synthesis") or build.summary.get("estimate") or {}
    return {"name": build.name, "lut": cells.get("lut"), "ff": cells.get("ff"), "accuracy": at(build.summary, "accuracy.hardware"),
            "latency_ns": hardware["latency_cycles"] * hardware["clock_ns"], "nonzeros": build.summary["model"]["nonzero_weights"]}
