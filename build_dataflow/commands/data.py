"""`data`: make jets, and look at a data set."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def command() -> None:
    """Make jets (generate) and look at a data set (show)."""


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
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("jets", total=jets)
        generate_jets(jets, seed, output, workers, lambda done: bar.advance(task, done))
    click.echo(f"{output}  {jets:,} jets  sha256 {sha256_of(output)}")
