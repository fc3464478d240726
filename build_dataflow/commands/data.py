"""`data`: make jets, look at a data set, and write the data card of the shipped one."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def command() -> None:
    """Make jets (generate), look at a data set (show), measure the shipped one (card)."""


@command.command()
@click.option("--jets", type=int, required=True, help="Number of jets, as equal in the five classes as can be.")
@click.option("--seed", type=int, required=True, help="The same seed gives the same bits, whatever the number of workers.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write, ending in .npz.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes. Default: one for each core.")
def generate(jets: int, seed: int, output: Path, workers: int | None) -> None:
    """Make jets with Pythia and FastJet, which are installed first if they are missing.

    An interrupted run continues when the same command is given again: finished parts lie in OUTPUT.parts until the end.

    \b
    Example:
      ./run-local.sh data generate --jets 60000 --seed 2026 --output jets.npz
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from models.data.extras import ensure
    from models.data.files import sha256_of
    from models.data.generate import generate as generate_jets

    console = Console(stderr=True, highlight=False)
    ensure("jets", console.print)
    columns = (TextColumn("jets"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("jets", total=jets)
        generate_jets(jets, seed, output, workers, lambda done: bar.advance(task, done))
    click.echo(f"{output}  {jets:,} jets  sha256 {sha256_of(output)}")


@command.command()
@click.option("--data", default="qapjets", show_default=True, metavar="NAME|FILE",
              help="qapjets, openml, or a .csv, .parquet or .npz file.")
@click.option("--label", metavar="COLUMN", help="The column of the classes, for a table of your own.")
@click.option("--drop", multiple=True, metavar="COLUMN", help="A column to leave out; may be repeated.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the MLP's training.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The picture. Default: build/data/<name>.png")
@click.option("--json", "as_json", is_flag=True, help="Print what is measured on standard output as JSON.")
def show(data: str, label: str | None, drop: tuple[str, ...], seed: int, output: Path | None, as_json: bool) -> None:
    """Draw a data set: its features by class, and the ROC of a float 64-32-32 MLP trained on it (once; then from the cache).

    \b
    Examples:
      ./run-local.sh data show
      ./run-local.sh data show --data mine.csv --label kind --output mine.png
    """
    from rich.console import Console

    from models.data import load_dataset
    from models.data.picture import draw
    from models.data.reference import remembered_mlp

    dataset = load_dataset(data, label, drop)
    output = output or Path("build/data") / f"{Path(dataset.name).stem}.png"
    if output.suffix != ".png":
        raise ValueError(f"--output {output}: the picture is a .png")
    with Console(stderr=True, highlight=False).status("training a float MLP"):
        scores = remembered_mlp(dataset, seed)
    rows = [len(part) for part in (dataset.train, dataset.validation, dataset.test)]
    draw(dataset, scores, output, f"{dataset.name}: {sum(rows):,} rows, {len(dataset.features)} features, {len(dataset.classes)} classes")
    if as_json:
        click.echo(json.dumps({"name": dataset.name, "sha256": dataset.sha256, "features": list(dataset.features), "classes": list(map(str, dataset.classes)),
                               "rows": dict(zip(("train", "validation", "test"), rows)), "picture": str(output),
                               "float_mlp": {"accuracy": scores.accuracy, "error": scores.accuracy_error}}, indent=2))
        return
    click.echo(f"{output}  {rows[0]:,} training, {rows[1]:,} validation, {rows[2]:,} test rows  sha256 {dataset.sha256[:12]}…")
    click.echo(f"float MLP: test accuracy {scores.accuracy:.4f} ± {scores.accuracy_error:.4f}")


@command.command()
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default="models/data/qapjets.md", show_default=True)
def card(output: Path) -> None:
    """Measure every figure of the shipped set's data card again, and write it. Takes some minutes.

    \b
    Example:
      ./run-local.sh data card --output card.md
    """
    from rich.console import Console

    from models.data.card import card as write_card
    from models.data.extras import ensure
    from models.data.files import write_atomically

    console = Console(stderr=True, highlight=False)
    ensure("jets", console.print)
    text = write_card(console.print)
    write_atomically(output, lambda stream: stream.write(text.encode()))
    click.echo(str(output))
