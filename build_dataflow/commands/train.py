"""`train`: train and prune one network, and write model.onnx and record.json."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import yaml


@click.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder to write (default: the network's own).")
@click.option("--data", help="Data set: a name or a path (default: what the training says).")
@click.option("--label", help="Column of the classes, for a table of your own.")
@click.option("--seed", type=int, help="Another seed than the training's.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field of the training; may be repeated.")
def command(
    name: str, output: Path | None, data: str | None, label: str | None, seed: int | None, changes: tuple[str, ...]
) -> None:
    """Train network NAME (models/NAME/train.yaml, or a path to such a file), prune it, and export it.

    Writes model.onnx (QONNX) and record.json: command, seed, versions, data, and the accuracies of the float, the quantised
    and the pruned nets.

    \b
    Examples:
      ./run-local.sh train jet_qap
      ./run-local.sh train jet_qap --seed 2 --output /tmp/jet_qap
      ./run-local.sh train jet_qap --set weight_bits=4 --set 'remaining=[0.5, 0.2, 0.1]' --output /tmp/four_bits
    """
    from models.catalogue import train_yaml
    from models.configuration import read_config

    path = train_yaml(name)
    values = {key: yaml.safe_load(value) for key, value in (split(change) for change in changes)}
    given = {"dataset": data, "label": label, "seed": seed}
    values |= {field: value for field, value in given.items() if value is not None}
    folder = output or path.parent
    if path.stem != "train" and output is None:
        raise click.UsageError(f"{path} is not a network's train.yaml: name a folder with --output")
    config = read_config(path).with_fields(**values)
    from models.train_and_write import train_and_write

    written = train_and_write(
        config, folder, shlex.join(["train", *words(name, data, label, seed, changes)])
    )
    click.echo(summary(written, folder))


def split(change: str) -> tuple[str, str]:
    field, equals, value = change.partition("=")
    if not equals:
        raise click.UsageError(f"--set {change}: write FIELD=VALUE")
    return field, value


def words(name: str, data: str | None, label: str | None, seed: int | None, changes: tuple[str, ...]) -> list[str]:
    """The command's arguments, without where it wrote: what makes the same network again."""
    options = {"--data": data, "--label": label, "--seed": seed}
    given = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    return [name, *given, *(word for change in changes for word in ("--set", change))]


def summary(record: dict, folder: Path) -> str:
    lines = [f"{net:>12}  " + "  ".join(f"{part} {value:.4f}" for part, value in parts.items())
             for net, parts in record["accuracy"].items()]
    lines.append(f"kept {record['shipped']}: {record['nonzero_weights']} of {record['weights']} weights, "
                 f"{record['zeros']:.1%} zeros, {record['time_s']['total']:.0f} s")
    return "\n".join([*lines, f"wrote {folder / 'model.onnx'} and {folder / 'record.json'}"])
