"""`study`: many trainings described in one YAML, resumable, on one machine or a cluster."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from build_dataflow.completion import studies


@click.command()
@click.argument("name", shell_complete=studies)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder of the results (default: study/NAME).")
@click.option("--workers", type=click.IntRange(min=1), help="Trainings at a time on this machine (default: its cores).")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler, such as tcp://host:8786: run there.")
@click.option("--cluster", type=click.Choice(["slurm", "htcondor"]), help="Start workers there (dask-jobqueue's configuration).")
@click.option("--jobs", type=click.IntRange(min=1), default=4, show_default=True, help="Jobs to start with --cluster.")
@click.option("--pictures/--no-pictures", default=True, help="Draw every arm, and the papers' figures, from the table.")
@click.option("--models/--no-models", default=False, help="Keep every quantised net as a file that can be built.")
@click.option("--hardware/--no-hardware", default=True, help="Add LUT, FF and ns by the cost model, of nets of up to 600 weights.")
@click.option("--part", default="xc7z020clg400-1", show_default=True, help="Of the hardware columns.")
@click.option("--json", "as_json", is_flag=True, help="Print the nets, as in table.csv, on standard output.")
def command(name: str, output: Path | None, workers: int | None, scheduler: str | None, cluster: str | None, jobs: int,
            pictures: bool, models: bool, hardware: bool, part: str, as_json: bool) -> None:
    """Run study NAME (models/studies/NAME.yaml, or a path to such a file).

    Each finished training is a file: start the command again after an interruption and it goes on. Writes table.csv,
    table.parquet and pictures: accuracy against weights and LUT for every arm, and the papers' figures for those that have their names.

    \b
    Examples:
      ./run-local.sh study qap
      ./run-local.sh study qap --workers 1 --output /tmp/qap
      ./run-local.sh study qap --scheduler tcp://login1:8786
      ./run-local.sh study qap --cluster slurm --jobs 20
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from build_dataflow.stdout import talking_on_stderr
    from models.catalogue import study_yaml
    from models.study import execute
    from models.study.description import read_study
    from models.study.study import run_study

    if scheduler and cluster:
        raise click.UsageError("--scheduler and --cluster exclude each other")
    path = study_yaml(name)
    study, folder = read_study(path), output or Path("study") / path.stem
    place = (execute.dask(scheduler) if scheduler else execute.batch_system(cluster, jobs) if cluster
             else execute.local(workers or os.cpu_count() or 1))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with talking_on_stderr(as_json), place as runner, Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(study.title, total=None)
        results = run_study(study, folder, runner, lambda done, total, run: progress.update(
            bar, completed=done, total=total, description=f"{study.title}: {run.arm}"), models or hardware)
    if hardware:
        from build_dataflow.study_hardware import add_hardware

        click.echo(f"{add_hardware(results, folder, part, workers, models)} nets priced", err=True)
    rows = [row for result in results for row in result["rows"]]
    click.echo(f"{len(results)} trainings, {len(rows)} nets: {folder / 'table.csv'}", err=as_json)
    if pictures:
        from models.study.pictures import draw_all

        for picture in draw_all(folder):
            click.echo(f"drew {picture}", err=as_json)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
