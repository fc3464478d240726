"""Accuracy against LUT: rows of docs/results/front.csv, its picture, and LUT at equal accuracy.

    python -m tests.benchmarks.front                                                # docs/results/front.png, and the tables in docs/results.md
    python -m tests.benchmarks.front measure ARM SEED FILE... [--alkaid PYTHON]     # a row for each network, in place of its old one

A file is .onnx, or .keras of tests.benchmarks.hgq2_front (standardised features; needs requirements/hgq2.txt here, and the integers are checked
against Keras on every jet). Each network's core alone, a register after every adder, by Yosys for UltraScale+; with --alkaid, a Python that has
alkaid 0.8.2 (for .keras Keras and HGQ2 too), also by alkaid: the same integers, and for .keras its own converter's network of the same file; the
better of its adder modes. Counts are kept by content under build/front. The test part is read for every network measured: choose before.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import click
import numpy as np

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.accelerator.simplify import simplify
from finn_steps.hgq2.convert import KerasFile, converted
from finn_steps.importer.lower import import_model
from models.data import load_dataset
from tests.benchmarks.counts import count_rtl
from tests.benchmarks.front_fit import HARDWARE, Line, lines, luts_at
from tests.benchmarks.kept import Kept
from tests.benchmarks.networks import ROOT
from tests.benchmarks.page import markdown_table
from tests.benchmarks.peer_alkaid import MODES, KerasNetwork, alkaid
from tests.benchmarks.unrolled import made_core

TABLE, PICTURE = ROOT / "docs" / "results" / "front.csv", ROOT / "docs" / "results" / "front.png"
PAGE = ROOT / "docs" / "results.md"
COLUMNS = ("arm", "seed", "network", "validation", "test", "nonzeros", "lut", "ff", "cycles", "alkaid_lut", "alkaid_ff", "alkaid_cycles",
           "source")
ACCURACIES = (0.709, 0.715, 0.72, 0.725)
PEER = "HGQ2, alkaid"
SHOWN = (120, 4000)
"""LUTs in the picture; the table of the page has larger networks too."""


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        rows = read()
        found = lines(rows)
        picture(found, PICTURE)
        tables = table(found), singles(found, rows)
        PAGE.write_text(with_tables(PAGE.read_text(), tables))
        click.echo("\n".join(tables))


@main.command()
@click.argument("arm")
@click.argument("seed", type=int)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--alkaid", "python")
def measure(arm: str, seed: int, files: tuple[Path, ...], python: str | None) -> None:
    kept = Kept(ROOT / "build" / "front")
    for path in files:
        row = {"arm": arm, "seed": str(seed), "network": name_of(path), **measured(kept, path, python), "source": "measured"}
        key = [row[column] for column in ("arm", "seed", "network")]
        write([old for old in read() if [old[column] for column in ("arm", "seed", "network")] != key] + [row])
        click.echo(" ".join(f"{column} {value}" for column, value in row.items()))


def measured(kept: Kept, path: Path, python: str | None) -> dict:
    """The cells of one network."""
    keras, dataset = path.suffix == ".keras", load_dataset()
    plain = import_model(path if not keras else converted(path)).accelerator
    built = simplify(plain).accelerator
    frames = {name: (((part.x - dataset.mean) / dataset.std if keras else part.x).astype(np.float32), part.y)
              for name, part in (("validation", dataset.validation), ("test", dataset.test))}
    if keras:
        check_answers(path, plain, np.concatenate([x for x, _ in frames.values()]))
    cells = {name: f"{accuracy(plain, x, y):.4f}" for name, (x, y) in frames.items()}
    core = made_core(kept, built, "unrolled", [Folding(registers_every=1)] * len(built.layers))["core"]
    counts = succeeded(path, count_rtl(kept, {"core.sv": core["verilog"]}, core["module"], pairs=False))
    cells |= {"nonzeros": sum(layer.nonzeros for layer in plain.layers), "lut": counts["lut"], "ff": counts["ff"], "cycles": core["latency"]}
    if python:
        network = KerasNetwork(path.read_bytes(), frames["test"][0]) if keras else built
        peer = min((succeeded(path, alkaid(kept, python, network, 1, mode)) for mode in MODES), key=lambda found: found["lut"])
        cells |= {"alkaid_lut": peer["lut"], "alkaid_ff": peer["ff"], "alkaid_cycles": peer["latency"]}
    return cells


def check_answers(path: Path, accelerator: Accelerator, x: np.ndarray) -> None:
    """ClickException where the integers do not answer, value for value, as Keras does."""
    found = np.asarray(answers(accelerator, x), np.float32)
    wrong = int((found != KerasFile(path).outputs(x)).any(1).sum())
    if wrong:
        raise click.ClickException(f"{path}: of {len(x)} frames the integers answer {wrong} otherwise than Keras")


def succeeded(path: Path, counts: dict) -> dict:
    if "failed" in counts:
        raise click.ClickException(f"{path}: {counts['failed']}")
    return counts


def answers(accelerator: Accelerator, x: np.ndarray) -> np.ndarray:
    return accelerator.dequantise(accelerator.execute(accelerator.quantise(x.astype(np.float32))))


def accuracy(accelerator: Accelerator, x: np.ndarray, y: np.ndarray) -> float:
    return float((answers(accelerator, x).argmax(1) == y).mean())


def name_of(path: Path) -> str:
    """A network's name: HGQ2's by the EBOPs in the file's name."""
    found = re.search(r"ebops=(\d+)", path.stem)
    return f"EBOPs {found[1]}" if found else path.stem if path.stem != "model" else path.resolve().parent.name


def read() -> list[dict]:
    if not TABLE.is_file():
        return []
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def write(rows: list[dict]) -> None:
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (row["arm"], int(row["seed"]), int(row["lut"] or row["alkaid_lut"]))))


def table(found: list[Line]) -> str:
    """LUT at equal test accuracy as Markdown, and each as a share of the peer's."""
    peer = next((luts_at(line, ACCURACIES) for line in found if line.name == PEER), [None] * len(ACCURACIES))
    rows = [[line.name, *(cell(*pair, line.name != PEER) for pair in zip(luts_at(line, ACCURACIES), peer))] for line in found if line.fitted]
    return markdown_table(["LUT at a test accuracy of", *map(str, ACCURACIES)], rows)


def singles(found: list[Line], rows: list[dict]) -> str:
    """The networks of arms without a curve as Markdown, and each as a share of the peer's LUT at its own test accuracy."""
    peer, told = next((line for line in found if line.name == PEER), None), []
    for row in rows:
        for column, hardware in HARDWARE:
            if row[column] and any(line.name == f"{row['arm']}, {hardware}" and not line.fitted for line in found):
                at = luts_at(peer, (float(row["test"]),))[0] if peer else None
                told.append([row["arm"], row["network"], hardware, row["test"], cell((float(row[column]), 0.0), at, True, "")])
    return markdown_table(["arm", "network", "hardware", "test accuracy", "LUT"], told)


def with_tables(page: str, tables: tuple[str, ...]) -> str:
    """The page with each table in place of the one that begins with the same two columns."""
    for text in tables:
        start = " | ".join(text.split(" | ")[:2])
        page, count = re.subn(rf"^{re.escape(start)}.*\n(\|.*\n)*", lambda _: text, page, flags=re.MULTILINE)
        if count != 1:
            raise click.ClickException(f"{PAGE}: {count} tables begin with {start}; there must be one")
    return page


def cell(value: tuple[float, float] | None, peer: tuple[float, float] | None, compared: bool, shown: str = " ± {:,.0f}") -> str:
    """"LUT ± error (share of the peer's ± error)"; errors are independent."""
    if value is None:
        return "–"
    text = f"{value[0]:,.0f}{shown.format(value[1])}"
    if peer is None:
        return text
    share = value[0] / peer[0]
    error = share * np.hypot(value[1] / value[0], peer[1] / peer[0])
    return f"{text} ({share:.2f} ± {error:.2f})" if compared else f"{text} (1.00)"


def picture(found: list[Line], path: Path) -> None:
    """Test accuracy of each network against LUT, an arm a colour, and where there is a fit its curve with its error."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5.5))
    arms = list(dict.fromkeys(line.arm for line in found))
    for line in found:
        colour, ours = f"C{arms.index(line.arm)}", line.hardware == "our generator"
        axes.plot(line.luts, line.accuracies, "o" if ours else "x", color=colour, alpha=0.75, markersize=4 if line.fitted else 8)
        if line.fitted and line.reach[0] < line.reach[1]:
            x = np.geomspace(*line.reach, 60)
            middle, error = line.curve(x)
            axes.plot(x, middle, "-" if ours else "--", color=colour, linewidth=1.2)
            axes.fill_between(x, middle - error, middle + error, color=colour, alpha=0.15, linewidth=0)
    for number, arm in enumerate(arms):
        axes.plot([], [], "s", color=f"C{number}", label=arm)
    axes.plot([], [], "o-", color="grey", markersize=4, label="our generator")
    axes.plot([], [], "x--", color="grey", markersize=4, label="alkaid 0.8.2")
    axes.set_xscale("log")
    axes.set_xlim(SHOWN)
    axes.set_ylim(*accuracies_shown(found))
    axes.set_xticks(ticks := [120, 150, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 4000], [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("LUT (Yosys, UltraScale+, the core alone, a register after every adder)")
    axes.set_ylabel("test accuracy, 15,000 jets")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def accuracies_shown(found: list[Line]) -> tuple[float, float]:
    """Of the networks within the LUTs that the picture has."""
    inside = np.concatenate([line.accuracies[(line.luts >= SHOWN[0]) & (line.luts <= SHOWN[1])] for line in found])
    return float(inside.min()) - 0.001, float(inside.max()) + 0.001


if __name__ == "__main__":
    main()
