"""How building grows with the network: time, memory, LUT and simulated samples a second against nonzero weights.

    nice -n 10 python -m tests.benchmarks.scale                      100 to 1,000,000 nonzeros, folded; hours on two cores
    nice -n 10 python -m tests.benchmarks.scale --most 10000         sooner
    nice -n 10 python -m tests.benchmarks.scale --tuned              the tuner chooses the foldings, which takes time of its own

Networks of three layers, 4 bits, 90 % zeros, at about II cycles from frame to frame, built by `build` with empty caches, each in a process
of its own that is given up after --limit seconds. Every row is kept in build/benchmarks/scale.csv as soon as it is measured, and a row
that is there is not measured again (--again does): a run that was killed, or ended by --limit, goes on from there.

Writes the section "Size" of docs/benchmarks.md and its picture, and prints the exponents of the fits: time ~ nonzeros ^ exponent. What
was not built is told, with what the fit expects of it, and is no point of the fit.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import onnx
import psutil

from finn_steps.accelerator import Accelerator, Folding, SparseLayer
from finn_steps.accelerator.simplify import simplify
from finn_steps.folding.cost import estimate
from finn_steps.importer.lower import import_model
from finn_steps.tools.files import write_atomically
from finn_steps.tools.processes import run_child
from tests.benchmarks.networks import ROOT
from tests.benchmarks.page import Bar, Section, with_section
from tests.qonnx_nets import Net, qonnx_net

PAGE = ROOT / "docs" / "benchmarks.md"
TITLE, PICTURE = "Size", Path("benchmarks") / "scale.png"
ZEROS, OUTPUTS, PART = 0.9, 10, "xcvu13p-fhga2104-2-e"
"""The part is the largest that is known, so that it limits nothing."""
LATE = 1.1
"""So many times the cycles that are asked for are as good as those."""
FITTED_FROM, FITTED_TO = 1000, 100_000
"""Nonzeros asked for that are points of the fits. Below, a build is mostly what every build takes."""
TEXTS = ("lut_from", "commit", "styles")
STEPS = ("choose_folding", "generate_rtl", "compile_simulation", "verify_rtl")
FITTED = {"build_s": "build time (s)", "cpu_s": "CPU time of the build (s)", "memory_mb": "peak memory (MB)", "lut": "LUT",
          "samples_per_s": "samples/s through the simulated RTL"}


@dataclass(frozen=True)
class Asked:
    """II: cycles from frame to frame; `synthesise`: nonzeros up to which Yosys counts; `limit`: seconds of one build."""

    ii: int
    tuned: bool
    samples: int
    synthesise: int
    limit: float


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=int, default=100, help="nonzeros of the smallest network (default: %(default)s)")
    parser.add_argument("--most", type=int, default=1_000_000, help="nonzeros of the largest (default: %(default)s)")
    parser.add_argument("--ii", type=int, default=256, help="cycles from frame to frame (default: %(default)s)")
    parser.add_argument("--tuned", action="store_true", help="the tuner chooses style, PE and SIMD for this II; else folded, lanes by the II")
    parser.add_argument("--samples", type=int, default=200, help="random inputs that each build verifies on (default: %(default)s)")
    parser.add_argument("--synthesise", type=int, default=1000, metavar="NONZEROS",
                        help="up to so many nonzeros Yosys counts, beyond them the cost model (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which a build is given up (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="measure rows that are there already anew")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "benchmarks", help="where rows are kept (default: build/benchmarks)")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that gets the section and the picture (default: docs/benchmarks.md)")
    told = parser.parse_args(arguments)
    asked = Asked(told.ii, told.tuned, told.samples, told.synthesise, told.limit)
    rows = run(sizes(told.least, told.most), asked, told.output, told.again)
    if any(map(is_built, rows)):
        draw(rows, told.page.parent / PICTURE, asked)
        write_atomically(told.page, with_section(told.page.read_text(), section(rows, asked)).encode())
    for line in fits_told(rows):
        print(line)


def sizes(least: int, most: int) -> list[int]:
    """1 and 3 times each power of ten, from `least` to `most`, and both of them."""
    steps = [factor * 10**power for power in range(2, 7) for factor in (1, 3)]
    return sorted({least, most, *(size for size in steps if least <= size <= most)})


def run(wanted: Iterable[int], asked: Asked, output: Path, again: bool = False) -> list[dict]:
    """A row for each size, kept as soon as it is there. After one that was given up no larger one is tried."""
    output.mkdir(parents=True, exist_ok=True)
    path, rows = output / "scale.csv", []
    kept = [] if again else [row for row in read_csv(path) if same_measurement(row, asked)]
    for size in wanted:
        known = next((row for row in kept if row["asked"] == size), None)
        given_up = bool(rows) and not is_built(rows[-1])
        row = known or (None if given_up else measured(size, asked))
        rows.append({"asked": size, **settings(asked), **(row or expected(size, rows))})
        print(told_row(rows[-1], asked), flush=True)
        kept = [row for row in kept if row["asked"] != size] + [row for row in rows[-1:] if is_built(row)]
        write_csv(sorted(kept, key=lambda row: row["asked"]), path)
    return rows


def settings(asked: Asked) -> dict:
    """What decides a row besides its size."""
    return {"target_ii": asked.ii, "tuned": int(asked.tuned), "samples": asked.samples, "synthesise": asked.synthesise}


def same_measurement(row: dict, asked: Asked) -> bool:
    return all(row.get(name) == value for name, value in settings(asked).items())


def is_built(row: dict) -> bool:
    return row["lut_from"] != "fit"


def measured(size: int, asked: Asked) -> dict | None:
    """One build, with empty caches; None where it takes longer than the limit. RuntimeError with its last line where it fails."""
    with tempfile.TemporaryDirectory(prefix="qapflow-scale-") as name:
        folder, model = Path(name), Path(name) / "model.onnx"
        onnx.save(network(size), model)
        command = [sys.executable, "-m", "build_dataflow", "build", str(model), "--output", str(folder / "out"), "--part", PART, "--samples",
                   str(asked.samples), "--families", "part", "--no-proof", *foldings(model, asked),
                   *([] if size <= asked.synthesise else ["--no-synthesis"])]
        before = psutil.Process().cpu_times()
        try:
            done = run_child(command, asked.limit, cwd=ROOT, env={**os.environ, "QAPFLOW_CACHE": str(folder / "cache")})
        except subprocess.TimeoutExpired:
            return None
        after = psutil.Process().cpu_times()
        if done.returncode:
            raise RuntimeError(f"the build of {size} nonzeros failed: {done.stderr.strip().splitlines()[-1]}")
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return row_of(json.loads((folder / "out" / "report" / "summary.json").read_text()), cpu)


def network(size: int) -> onnx.ModelProto:
    """(w, w, w, OUTPUTS), with about `size` nonzeros; fewer once those are gone that reach no output."""
    width = max(4, round(math.sqrt(size / (1 - ZEROS) / 2 + OUTPUTS**2 / 16) - OUTPUTS / 4))
    return qonnx_net(Net(widths=(width, width, width, OUTPUTS), zeros=ZEROS), seed=1)


def foldings(model: Path, asked: Asked) -> list[str]:
    """The build's options: a rate for the tuner, or a folding file with as many lanes as the rate needs."""
    if asked.tuned:
        return ["--target-ii", str(asked.ii)]
    path = model.with_name("folding.json")
    path.write_text(json.dumps(lanes(simplify(import_model(model, "scale").accelerator).accelerator, asked.ii)))
    return ["--folding", str(path)]


def lanes(accelerator: Accelerator, ii: int) -> dict[str, dict]:
    """Every layer folded, with as many lanes as the rate needs: of the ways to share them out between PE and SIMD, PE in doublings, of those
    that keep the rate within a tenth the one of the fewest LUTs by the estimate."""
    found = {layer.name: Folding("folded", *next(shared_out(layer, ii))) for layer in accelerator.layers}
    for place, layer in enumerate(accelerator.layers):
        prices = {}
        for way in (Folding("folded", *lanes) for lanes in shared_out(layer, ii)):
            share = estimate(accelerator.with_foldings({**found, layer.name: way})).layers[place]
            prices[way] = max(share.cycles, LATE * ii), share.lut
        found[layer.name] = min(prices, key=prices.get)
    return {name: {"style": "folded", "PE": way.PE, "SIMD": way.SIMD} for name, way in found.items()}


def shared_out(layer: SparseLayer, ii: int) -> Iterator[tuple[int, int]]:
    """(PE, SIMD) with PE * SIMD * ii at least the layer's nonzeros."""
    for PE in (*(2**power for power in range(layer.MH.bit_length())), layer.MH):
        SIMD = -(-layer.nonzeros // (ii * PE))
        if SIMD <= layer.MW and (SIMD > 1 or PE == 1 or ii * PE < 2 * layer.nonzeros):
            yield PE, SIMD


def row_of(summary: dict, cpu_s: float) -> dict:
    """What a build measured, in one row. samples_per_s: all samples of the build's verification by the seconds of that step."""
    synthesis, verification, steps = summary.get("synthesis"), summary["verification"], summary["time_s"]["steps"]
    samples = verification["samples"] + verification["stall_patterns"] * verification["stalled_samples"]
    return {
        "nonzeros": sum(layer["nonzeros"] for layer in summary["hardware"]["layers"]),
        "build_s": summary["time_s"]["total"] - steps.get("step_synthesise", 0),
        "cpu_s": round(cpu_s, 1),
        "memory_mb": summary["memory_mb"]["peak"],
        "lut": synthesis["lut"] if synthesis else summary["estimate"]["lut"],
        "lut_from": synthesis["lut_from"] if synthesis else "estimate",
        "ii": summary["hardware"]["ii_cycles"],
        "samples_per_s": round(samples / max(0.01, steps["step_verify_rtl"]), 1),
        **{f"{step}_s": steps[f"step_{step}"] for step in STEPS},
        "commit": summary["build_dataflow"]["commit"] or "",
        "styles": " ".join(sorted({layer["style"] for layer in summary["hardware"]["layers"]})),
    }


def expected(size: int, rows: list[dict]) -> dict:
    """A row for what was not built, by the fits."""
    found = {name: fit(rows, name) for name in FITTED}
    told = {name: round(factor * size**exponent, 1) for name, (factor, exponent) in found.items() if not math.isnan(exponent)}
    return {"nonzeros": size, **told, "lut_from": "fit"}


def fit(rows: list[dict], name: str) -> tuple[float, float]:
    """(factor, exponent) of name = factor * nonzeros ^ exponent, by least squares of the logarithms; nan with fewer than two points."""
    points = [(row["nonzeros"], row[name]) for row in rows if is_point(row) and row.get(name)]
    if len(points) < 2:
        return math.nan, math.nan
    exponent, logarithm = np.polyfit(*np.log(np.array(points, float)).T, 1)
    return math.exp(logarithm), float(exponent)


def is_point(row: dict) -> bool:
    """Whether the row is one of the fits': built, and of their sizes."""
    return is_built(row) and FITTED_FROM <= row["asked"] <= FITTED_TO


def fits_told(rows: list[dict]) -> list[str]:
    names = {**FITTED, **{f"{step}_s": f"step_{step} (s)" for step in STEPS}}
    points = [row["nonzeros"] for row in rows if is_point(row)] or [0]
    return [f"{text}: nonzeros ^ {fit(rows, name)[1]:.2f}, from {len(points)} builds of {min(points):,} to {max(points):,} nonzeros"
            for name, text in names.items()]


def section(rows: list[dict], asked: Asked) -> Section:
    """Of the page."""
    how = "as the tuner chooses them" if asked.tuned else "as many lanes as the rate needs"
    lut = f"LUT by Yosys up to {asked.synthesise:,} nonzeros, beyond them by the cost model" if asked.synthesise else "LUT by the cost model"
    text = f"""Written by `python -m tests.benchmarks.scale`, on {date.today()}, {os.cpu_count()} cores shared with other work. Networks of
three layers, 4 bits, 90 % zeros, folded to about {asked.ii} cycles from frame to frame ({how}), each built by `build`
with empty caches and verified on {asked.samples} random inputs, back to back and under three patterns of gaps and stalls. Build time is without
synthesis, and without the proof, which ends by the clock; {lut}.
Memory is the most that the build and all that it started had at once. Samples a second are those of the build's verification.

![build time, memory, LUT and samples a second against nonzeros]({PICTURE})

{"".join(f"- {line}{chr(10)}" for line in fits_told(rows))}"""
    columns = ("nonzeros", "build s", "CPU s", "peak MB", "LUT", "by", "II", "samples/s", *(f"{step} s" for step in STEPS), "commit")
    names = ("nonzeros", "build_s", "cpu_s", "memory_mb", "lut", "lut_from", "ii", "samples_per_s", *(f"{step}_s" for step in STEPS), "commit")
    cells = [tuple(cell(row.get(name, "-")) for name in names) for row in rows]
    bar = Bar("folded, 90 % zeros, 4 bits", f"build time grows as nonzeros ^ 1.1 at most, {FITTED_FROM:,} to {FITTED_TO:,}", *judged(rows))
    return Section(TITLE, text.rstrip(), columns, cells, [bar])


def judged(rows: list[dict]) -> tuple[str, bool | None]:
    """(the exponent, whether it is at most 1.1), which needs a build at either end."""
    exponent, built = fit(rows, "build_s")[1], {row["asked"] for row in rows if is_point(row)}
    if not {FITTED_FROM, FITTED_TO} <= built:
        return "", None
    return f"{exponent:.2f}", exponent <= 1.1


def cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def told_row(row: dict, asked: Asked) -> str:
    if not is_built(row):
        return f"{row['nonzeros']:>9,} nonzeros: not built within {asked.limit:g} s; {row.get('build_s', math.nan):,.0f} s by the fit"
    return (f"{row['nonzeros']:>9,} nonzeros: {row['build_s']:8.1f} s, {row['cpu_s']:8.1f} s of CPU, {row['memory_mb']:6,} MB, "
            f"{row['lut']:9,} LUT ({row['lut_from']}), II {row['ii']:g}, {row['samples_per_s']:,.0f} samples/s")


def write_csv(rows: list[dict], path: Path) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[dict]:
    """Rows as write_csv had them; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{name: text if name in TEXTS else number(text) for name, text in row.items() if text != ""} for row in csv.DictReader(file)]


def number(text: str) -> int | float:
    return float(text) if set(text) & set(".en") else int(text)


def draw(rows: list[dict], path: Path, asked: Asked) -> None:
    """Four panels, both axes logarithmic; hollow points are expected, not measured."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    panels = {name: text for name, text in FITTED.items() if name != "cpu_s"}
    figure, places = plt.subplots(2, 2, figsize=(9, 6.5), layout="constrained", sharex=True)
    for axes, (name, text) in zip(places.flat, panels.items()):
        for built, look in ((True, {"marker": "o"}), (False, {"marker": "o", "mfc": "white", "ls": ":"})):
            points = [(row["nonzeros"], row[name]) for row in rows if row.get(name) and is_built(row) == built]
            axes.plot(*(zip(*points) if points else ((), ())), color="#0072b2", **look)
        exponent = fit(rows, name)[1]
        axes.set(xscale="log", yscale="log", ylabel=text, title="" if math.isnan(exponent) else f"nonzeros ^ {exponent:.2f}")
        axes.grid(True, which="both", alpha=0.3)
    for axes in places[1]:
        axes.set_xlabel("nonzero weights")
    figure.suptitle(f"{'tuned' if asked.tuned else 'folded'}, II about {asked.ii}, 90 % zeros, 4 bits")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
