"""Fits the cost model to Yosys: writes finn_steps/folding/calibration.json, and says how well it predicts networks it has not seen.

    nice -n 10 python -m tests.benchmarks.calibrate            synthesise (kept on disk, resumable), fit, write, judge
    nice -n 10 python -m tests.benchmarks.calibrate --judge    judge only
One Yosys at a time. Fit: least squares of the relative error, coefficients of at least LEAST (scipy.optimize.nnls).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

import finn_steps.folding.calibration as calibration
from finn_steps.accelerator import Accelerator
from finn_steps.folding import choice as choices
from finn_steps.folding.cost import choices_of, estimate, walk
from finn_steps.rtl.generate import generate
from finn_steps.synthesis.yosys import SynthesisResult, synthesise, version
from finn_steps.tools.files import write_atomically
from tests.benchmarks.calibration_nets import fitted, judged

FAMILY = "xc7"
LEAST = 0.25
"""No coefficient is below: hardware that the runs do not show is not free."""
PULL = 0.3
"""How much coefficients are drawn to 1: what is counted is LUTs already."""
FEATURES = {
    "unrolled": (("functions",), ("columns",), ("delays",)),
    "bitplane": (("functions", "columns"), ("delays",), ("multiplexers",), ("answers",)),
    "folded": (("lane_selects",), ("lane_memories", "products", "trees"), ("accumulators", "activations"), ("roms",),
               ("collector", "control", "answer_memory")),
}
"""Features that share a coefficient stand together: the runs are too few to tell them apart. Joins and credits have their own, measured
on their modules alone."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", action="store_true")
    if not parser.parse_args().judge:
        fit_all()
    judge()


def fit_all() -> None:
    content = {"tool": version(), "family": FAMILY, "coefficients": {**calibration.calibration()["coefficients"]}, "runs": []}
    for style, nets in fitted().items():
        rows = [(features_of(net), synthesised(net)) for net in nets]
        content["coefficients"][style] = {
            "lut": fit(rows, FEATURES[style], "lut"),
            "ff": fit(rows, (("registers",), ("layers",)), "ff"),
        }
        for net, (features, result) in zip(nets, rows):
            layers = [f"{layer.MW}x{layer.MH} {layer.nonzeros} nonzeros {layer.idt}, {vars(layer.folding)}" for layer in net.layers]
            held = {name: round(number, 2) for name, number in sorted(features.items()) if number}
            content["runs"].append({"style": style, "layers": layers, "features": held,
                                    "lut": result.lut, "ff": result.ff, "bram": result.bram})
    write_atomically(calibration.FILE, (json.dumps(content, indent=1) + "\n").encode())
    calibration.calibration.cache_clear()


def features_of(net: Accelerator) -> Counter:
    """All features that the model multiplies by coefficients for this network, joins among them."""
    seen: Counter = Counter()
    original = choices.Price.of.__func__
    parts = choices_of(net)
    for part in parts:
        part.settle(exact=True)

    def recording(cls, style, features):
        told = original(cls, style, features)
        seen.update({"join_lut": told.lut, "join_ff": told.ff} if style == "join" else features)
        return told

    choices.Price.of = classmethod(recording)
    try:
        walk(net, parts)
    finally:
        choices.Price.of = classmethod(original)
    for part in parts:
        if part.style == "unrolled":
            seen.update(part.counts)
    return seen


def synthesised(net: Accelerator) -> SynthesisResult:
    with tempfile.TemporaryDirectory() as folder:
        generate(net, folder)
        result = synthesise(folder, FAMILY)
    print(f"{net.name} {[layer.folding.style for layer in net.layers]}: {result.lut} LUT, {result.ff} FF", flush=True)
    return result


def fit(rows: list[tuple[Counter, SynthesisResult]], features: tuple[tuple[str, ...], ...], resource: str) -> dict[str, float]:
    """Coefficients that minimise the sum of squared relative errors; what joins cost is taken off first."""
    measured = np.array([getattr(result, resource) for _, result in rows], dtype=float)
    left = 1 - np.array([counts[f"join_{resource}"] for counts, _ in rows]) / measured
    matrix = np.array([[sum(counts[name] for name in tied) for tied in features] for counts, _ in rows]) / measured[:, None]
    pull = PULL * np.diag(np.maximum(matrix.max(0), 1e-9))
    wanted = np.concatenate([left, pull.sum(1) * [tied != ("layers",) for tied in features]])
    matrix = np.vstack([matrix, pull])
    least = np.array([0.0 if tied == ("layers",) else LEAST for tied in features])
    found = least + nnls(matrix, wanted - matrix @ least)[0]
    return {name: round(float(value), 4) for tied, value in zip(features, found) for name in tied}


def judge() -> list[float]:
    """Print predicted against synthesised LUTs of networks that nothing was fitted to; the relative errors."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("network", "LUT predicted", "LUT", "error", "FF predicted", "FF", "error"):
        table.add_column(column, justify="left" if column == "network" else "right")
    errors = []
    for name, net in judged().items():
        told, result = estimate(net), synthesised(net)
        errors.append(told.lut / result.lut - 1)
        luts = (f"{told.lut:,}", f"{result.lut:,}", f"{errors[-1]:+.1%}")
        table.add_row(name, *luts, f"{told.ff:,}", f"{result.ff:,}", f"{told.ff / result.ff - 1:+.1%}")
    console = Console()
    console.print(table)
    console.print(f"LUT: median error {np.median(np.abs(errors)):.1%}, worst {np.max(np.abs(errors)):.1%}")
    return errors


if __name__ == "__main__":
    main()
