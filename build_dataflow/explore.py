"""`build NAME --explore`: II against LUT over all styles, and II and clock against LUT and ns, as tables and a picture. Nothing is built."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from build_dataflow.clock import area_limits
from build_dataflow.configuration import ANY_CLOCK_NS, BuildOptions, family_of
from build_dataflow.jsonfile import write_json
from build_dataflow.steps import adders_between_registers, asked_in_time, limits
from finn_steps.accelerator import Accelerator
from finn_steps.finn.builder import run_steps
from finn_steps.finn.from_model import accelerator_from_model
from finn_steps.folding.choose import within
from finn_steps.folding.clock_search import ClockChoice, clock_points
from finn_steps.folding.explore import MIXED, Point, explore
from finn_steps.importer.model_file import read_model
from finn_steps.steps import step_import_qonnx, step_infer_sparse_mvau

LOOKS = {
    "unrolled": {"label": "unrolled", "color": "#0072b2", "marker": "o", "linewidth": 1},
    "bitplane": {"label": "bit planes", "color": "#d55e00", "marker": "s", "linewidth": 1},
    "serial": {"label": "bit-serial", "color": "#cc79a7", "marker": "D", "linewidth": 1},
    "folded": {"label": "folded", "color": "#009e73", "marker": "^", "linewidth": 1},
    MIXED: {"label": "any mix", "color": "black", "linewidth": 2.5, "zorder": 1, "alpha": 0.35},
}
"""Colours of Okabe and Ito, told apart by colour-blind readers too, and by their markers in print."""


def explore_build(options: BuildOptions, output: Path, console: Console) -> list[dict]:
    """Print the tables, write <output>/report/explore.{png,json} and explore_clock.json, and return the points at the build's own clock.
    An earlier build in `output` stays as it is."""
    accelerator = accelerator_of(options)
    points = list(explore(accelerator, limits(options), adders_between_registers(options, accelerator)))
    if not points:
        raise ValueError(f"{options.name}: nothing is possible within {within(limits(options), asked_in_time(options))}, by the estimate")
    report = output / "report"
    report.mkdir(parents=True, exist_ok=True)
    rows = [asdict(point) for point in points]
    write_json(report / "explore.json", rows)
    clocks = list(clock_points(accelerator, family_of(options.part), options.clock_range or ANY_CLOCK_NS, RATES, area_limits(options)))
    write_json(report / "explore_clock.json", [clock_row(choice) for choice in clocks])
    plot(points, clocks, options, report / "explore.png")
    print_points(points, options, console)
    print_clocks(clocks, options, console)
    return rows


RATES = (1, 4, 16)
"""II, in cycles, at which the clock is an axis."""


def clock_row(choice: ClockChoice) -> dict:
    total = choice.built.total
    return {"ii": choice.built.ii, "clock_ns": choice.clock_ns, "registers_every": choice.registers_every, "lut": round(total.lut),
            "ff": round(total.ff), "latency_cycles": choice.built.last, "latency_ns": round(choice.latency_ns, 2),
            "interval_ns": round(choice.interval_ns, 2)}


def print_clocks(clocks: list[ClockChoice], options: BuildOptions, console: Console) -> None:
    """A row for each II and clock; periods are an estimate."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("II", "adders a register", "clock ns", "LUT", "FF", "latency ns", "an inference in ns"):
        table.add_column(column, justify="right")
    for row in map(clock_row, clocks):
        table.add_row(str(row["ii"]), str(row["registers_every"]), f"{row['clock_ns']:g}", f"{row['lut']:,}", f"{row['ff']:,}",
                      f"{row['latency_ns']:.0f}", f"{row['interval_ns']:.1f}")
    console.print(f"\nthe clock as an axis: the shortest period of each number of adders between registers on {options.part}, an estimate")
    console.print(table)


def accelerator_of(options: BuildOptions) -> Accelerator:
    """The network as a build would take it, before any folding."""
    read_model(options.model)
    found: list[Accelerator] = []

    def step_take_accelerator(model, cfg):
        found.append(accelerator_from_model(model))
        return model

    steps = [step_import_qonnx, "step_tidy_up", "step_convert_to_hw", step_infer_sparse_mvau, step_take_accelerator]
    with tempfile.TemporaryDirectory(prefix="qapflow-explore-") as folder:
        run_steps(options.model, steps, folder, build=options)
    return found[0]


def print_points(points: list[Point], options: BuildOptions, console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("style", "II", "LUT", "FF", "BRAM18", "latency", "million/s", "layers"):
        table.add_column(column, justify="left" if column in ("style", "layers") else "right", no_wrap=column != "layers")
    for point in points:
        rate = 1e3 / (point.ii * options.clock_ns)
        figures = (f"{point.lut:,}", f"{point.ff:,}", str(point.bram), str(point.latency), f"{rate:.4g}")
        table.add_row(point.style, str(point.ii), *figures, told(point.layers))
    where = f"{options.part}, {options.clock_ns:g} ns"
    console.print(f"\n[bold]{options.name}[/bold]: the least area at each rate, estimated ({where})")
    console.print(table)


def told(layers: tuple[str, ...]) -> str:
    """Foldings in the order of the layers, equal neighbours as one."""
    groups = [(name, len(list(group))) for name, group in groupby(layers)]
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in groups)


def plot(points: list[Point], clocks: list[ClockChoice], options: BuildOptions, path: Path) -> None:
    """Left II against LUT, both logarithmic; a line for each style, a bold one for all of them mixed. Right latency in ns against LUT,
    a line for each II, a mark for each clock."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator

    figure, (axes, times) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for style in dict.fromkeys(point.style for point in points):
        chosen = [point for point in points if point.style == style]
        axes.plot([point.ii for point in chosen], [point.lut for point in chosen], **LOOKS[style])
    axes.set(xscale="log", yscale="log", xlabel="II (cycles)", ylabel="LUT (estimate)", title=options.name)
    slowest = max(point.ii for point in points)
    axes.set_xticks([1 << power for power in range(slowest.bit_length())], minor=False)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    for look, (ii, chosen) in zip(LOOKS.values(), groupby(clocks, key=lambda choice: choice.built.ii)):
        chosen = list(chosen)
        times.plot([choice.latency_ns for choice in chosen], [choice.built.total.lut for choice in chosen], color=look["color"],
                   marker=look.get("marker"), linewidth=1, label=f"II {ii}")
        for choice in chosen:
            times.annotate(f"{choice.clock_ns:g}", (choice.latency_ns, choice.built.total.lut), fontsize=7, xytext=(3, 3),
                           textcoords="offset points")
    times.set(xlabel="latency (ns, estimate)", ylabel="LUT (estimate)", title="the clock as an axis (ns at each mark)")
    times.grid(True, alpha=0.3)
    times.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
