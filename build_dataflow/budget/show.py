"""What a run to a budget shows: a live table of its nets, the front as a table and a picture, and the steps next to the choice."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table as RichTable

from build_dataflow.budget.budget import Budget, Cost, Priced, cost_suffix
from models.data.files import write_atomically
from models.ladder import Rung

SHOWN = 24
PAUSE_S = 0.5


class Table:
    """The nets that are there, on standard error: live on a terminal, else a line for each."""

    def __init__(self, folder: Path, budget: Budget):
        self.folder, self.budget = folder, budget
        self.console = Console(stderr=True, highlight=False)
        self.live = Live(console=self.console, auto_refresh=False, transient=True) if self.console.is_terminal else None
        self.seen: dict[tuple[str, str], Priced] = {}

    def __enter__(self) -> Table:
        self.console.print(f"budget: {self.budget}; networks go to {self.folder}")
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *fault) -> None:
        if self.live:
            self.live.stop()
            if self.seen:
                self.console.print(self.drawn())

    def watch(self, root: Path, budget: Budget) -> None:
        """Show what workers have written since."""
        found = [one for path in sorted(root.glob(f"*/*{cost_suffix(budget)}")) if (one := read_priced(path)) is not None]
        self.add(found)
        time.sleep(PAUSE_S)

    def add(self, found: list[Priced]) -> None:
        new = [one for one in found if (one.rung.folder, one.rung.key) not in self.seen]
        self.seen |= {(one.rung.folder, one.rung.key): one for one in found}
        if self.live:
            self.live.update(self.drawn(), refresh=True)
            return
        for one in new:
            self.console.print("  ".join(cell for cell in row(one)), soft_wrap=True)

    def note(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)

    def drawn(self) -> RichTable:
        table = RichTable(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for column in ("way", "accuracy", "weights", "LUT", "FF", "ns", "clock ns"):
            table.add_column(column, justify="left" if column == "way" else "right")
        ordered = sorted(self.seen.values(), key=lambda one: one.cost.luts if one.cost else one.roughly)
        for one in ordered[:SHOWN]:
            table.add_row(*row(one), style="bold" if one.within(self.budget) else "dim")
        return table


def row(one: Priced) -> tuple[str, ...]:
    rung, cost = one.rung, one.cost
    figures = ("about " + f"{one.roughly:,}", "", "", "") if cost is None else \
        (f"{cost.luts:,}", f"{cost.ff:,}", f"{cost.latency_ns:.0f}", f"{cost.clock_ns:g}")
    return rung.arm, f"{rung.accuracy:.4f} ± {rung.error:.4f}", str(rung.nonzeros), *figures


def read_priced(path: Path) -> Priced | None:
    """The rung that a price belongs to; None while one of its files is not whole."""
    try:
        content = json.loads((path.parent / f"{path.name.split('.cost-')[0]}.json").read_text())
        rung = Rung(**content | {"kept": tuple(content["kept"]), "folder": str(path.parent)})
        return Priced(rung, Cost(**json.loads(path.read_text())), 0)
    except (OSError, ValueError):
        return None


def neighbours(best: Priced, front: list[Priced]) -> list[str]:
    """What one step more accurate, and one step smaller, would cost. Estimates are corrected by what synthesis counted of the best."""
    factor = best.cost.luts / best.cost.lut
    above = [one for one in front if one.rung.accuracy > best.rung.accuracy]
    below = [one for one in front if corrected(one, factor) < best.cost.luts and one.rung.accuracy < best.rung.accuracy]
    more = min(above, key=lambda one: corrected(one, factor), default=None)
    less = max(below, key=lambda one: corrected(one, factor), default=None)
    return [f"{name}: {'nothing that was trained' if one is None else step(one, best, factor)}"
            for name, one in (("more accurate", more), ("smaller", less))]


def corrected(one: Priced, factor: float) -> int:
    """LUTs as counted, or the estimate times `factor`."""
    return round(one.cost.lut * factor) if one.cost.counted is None else one.cost.counted


def step(one: Priced, best: Priced, factor: float) -> str:
    gained, luts = one.rung.accuracy - best.rung.accuracy, corrected(one, factor)
    about = "about " if one.cost.counted is None else ""
    return (f"{one.rung.accuracy:.4f} ({gained:+.4f} ± {one.rung.error:.4f}) at {about}{luts:,} LUT ({luts - best.cost.luts:+,}), "
            f"{one.cost.latency_ns:.0f} ns ({one.rung.onnx})")


def write_front(front: list[Priced], folder: Path) -> None:
    """front.csv and front.png: every net that no other beats, within the latency."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["way,accuracy,error,nonzeros,lut,lut_by,ff,latency_ns,clock_ns,registers_every,model"]
    for one in front:
        rung, cost = one.rung, one.cost
        by = "estimate" if cost.counted is None else "synthesis"
        lines.append(f"{rung.arm},{rung.accuracy:.5f},{rung.error:.5f},{rung.nonzeros},{cost.luts},{by},{cost.ff},{cost.latency_ns:.1f},"
                     f"{cost.clock_ns:g},{cost.registers_every},{rung.onnx}")
    write_atomically(folder / "front.csv", lambda stream: stream.write(("\n".join(lines) + "\n").encode()))
    if front:
        draw(front, folder / "front.png")


def draw(front: list[Priced], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    x, y, errors = zip(*((one.cost.luts, one.rung.accuracy, one.rung.error) for one in front))
    axes.errorbar(x, y, yerr=errors, fmt="o-", color="#0072b2", linewidth=1, capsize=2)
    axes.set(xscale="log", xlabel="LUT (estimate, or counted)", ylabel="accuracy, validation", title=path.parent.name)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="both", alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    plt.close(figure)
    write_atomically(path, lambda stream: stream.write(buffer.getvalue()))
