"""`train`: train and prune one network, and write model.onnx and record.json; or train to a budget."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from build_dataflow.clock_range import CLOCK
from build_dataflow.completion import networks

FIELDS_BY_OPTION = {"data": "dataset", "label": "label", "drop": "drop", "task": "task", "hidden": "hidden", "start_from": "float_start",
                    "seed": "seed"}


@click.command()
@click.argument("name", required=False, shell_complete=networks)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder to write (default: models/NAME).")
@click.option("--data", help="Data set: a name or a path (default: what the training says).")
@click.option("--label", help="Column of the classes, for a table of your own; with --task regression, columns separated by commas.")
@click.option("--drop", multiple=True, metavar="COLUMN", help="A column to leave out, such as an id; may be repeated.")
@click.option("--task", help="classes (default), binary (one output), regression, or autoencoder.")
@click.option("--hidden", metavar="W,W,...", help="A network of your own with hidden layers of these widths.")
@click.option("--from", "start_from", metavar="FILE", help="Start from a float model's weights: .pt, .pth, .pt2 or .onnx.")
@click.option("--seed", type=int, help="Another seed than the training's.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field of the training; may be repeated.")
@click.option("--fields", is_flag=True, help="List the fields that --set takes, with their values, and end.")
@click.option("--lut", type=click.IntRange(min=1), help="Train to a budget: at most this many LUTs, as Yosys counts the built design.")
@click.option("--latency-ns", type=float, help="Train to a budget: at most this long from input to answer.")
@click.option("--max-loss", type=float, help="Train to a budget: the smallest net that loses at most this against its float twin.")
@click.option("--part", help="Of the budget: the Xilinx part (default: xc7z020clg400-1).")
@click.option("--clock-ns", type=CLOCK, help="Of the budget: the clock period, or MIN:MAX to choose from.")
@click.option("--quick", is_flag=True, help="Of the budget: only the way of training that was asked for, not its neighbours.")
@click.option("--json", "as_json", is_flag=True, help="Print record.json on standard output.")
@click.option("--workers", type=click.IntRange(min=1), help="Of the budget: processes (default: the cores). The result is the same.")
def command(name: str | None, output: Path | None, changes: tuple[str, ...], fields: bool, lut: int | None, latency_ns: float | None,
            max_loss: float | None, part: str | None, clock_ns, quick: bool, workers: int | None,
            as_json: bool, **given) -> None:
    """Train network NAME (models/NAME/train.yaml, or a path to such a file), prune it, and export it.

    With --hidden or --from, or without NAME, it is a network of your own: its folder is --output, or models/NAME (the table's name
    without one), and its training is written there as train.yaml. Writes model.onnx (QONNX), record.json (command, seed, versions,
    data, accuracies of the float, the quantised and the pruned nets) and performance.json (their ROCs and confusion matrices).

    With --lut, --latency-ns or --max-loss it trains to a budget: many nets from large to small, each priced as hardware, and the
    best within the limits is built and verified into build/NAME. A killed run goes on where it was.

    \b
    Examples:
      ./run-local.sh train jet_qap
      ./run-local.sh train --data mine.csv --label kind --drop id --lut 2000 --latency-ns 100
      ./run-local.sh train tagger --hidden 64,32,32 --data mine.csv --label kind
      ./run-local.sh train --from net.pt --data mine.csv --label kind
      ./run-local.sh train jet_qap --set weight_bits=4 --set 'remaining=0.5 0.2 0.1' --output /tmp/four_bits
      ./run-local.sh train --fields
    """
    given = {FIELDS_BY_OPTION[option]: value for option, value in given.items() if value not in (None, ())}
    values = given | dict(split(change) for change in changes)
    budgeted = lut is not None or latency_ns is not None or max_loss is not None
    if not budgeted and not fields and (part or clock_ns or workers or quick):
        raise click.UsageError("--part, --clock-ns, --quick and --workers belong to a budget: --lut, --latency-ns or --max-loss")
    config, folder, own = training(name, values, output, budgeted)
    if fields:
        return show_fields(config)
    if budgeted:
        from build_dataflow.budget.run import Budget, train_to_budget
        from build_dataflow.stdout import talking_on_stderr

        wanted = Budget(lut, latency_ns, max_loss, part or "xc7z020clg400-1", clock_ns)
        with talking_on_stderr(as_json):
            train_to_budget(config, folder, wanted, words(name, given, changes), quick, workers)
        return click.echo((folder / "record.json").read_text(), nl=False) if as_json else None
    from models.own import write_training
    from models.train_and_write import train_and_write

    written = train_and_write(config, folder, shlex.join(["train", *words(name, given, changes)]))
    if own:
        write_training(config, folder)
    if as_json:
        return click.echo((folder / "record.json").read_text(), nl=False)
    click.echo(summary(written, folder))
    if own:
        click.echo("next: ./run-local.sh " + shlex.join(["build", str(folder / "model.onnx"), *data_words(config)]))


def training(name: str | None, values: dict, output: Path | None, budgeted: bool):
    """(its configuration, folder, whether it is a network of one's own)."""
    from models.catalogue import folder_of, names, train_yaml
    from models.configuration import TrainConfig, check_names, read_config
    from models.own import own_folder

    makes_own = name is None or budgeted or {"hidden", "float_start"} & set(values)
    if name is not None and (name in names() or Path(name).suffix in (".yaml", ".yml") or not makes_own):
        path = train_yaml(name)
        if path.stem != "train" and output is None:
            raise click.UsageError(f"{path} is not a network's train.yaml: name a folder with --output")
        if budgeted and output is None:
            raise click.UsageError(f"a budget for {name} would write over {folder_of(path)}: name a folder with --output")
        return read_config(path).with_fields(**values), output or folder_of(path), False
    check_names("training", values, list(TrainConfig.__dataclass_fields__))
    data = values.get("dataset", TrainConfig.dataset)
    folder = own_folder(name, data, output)
    return own_training(values), folder, True


def own_training(values: dict):
    """The recipe for the table, and for the float model's widths."""
    from models.configuration import TrainConfig
    from models.data import load_dataset
    from models.float_model import read_float_model
    from models.own import own_config

    if "float_start" in values:
        values = {"hidden": read_float_model(values["float_start"]).widths[1:-1]} | values
    asked = TrainConfig().with_fields(**values)
    dataset = load_dataset(asked.dataset, asked.label, asked.drop, asked.task)
    return own_config(len(dataset.train), **values)


def show_fields(config) -> None:
    from rich.console import Console
    from rich.table import Table

    from models.fields import field_table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("field", "value", "what it is"):
        table.add_column(column, no_wrap=column == "field")
    for row in field_table(config):
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)


def split(change: str) -> tuple[str, str]:
    field, equals, value = change.partition("=")
    if not equals:
        raise click.UsageError(f"--set {change}: write FIELD=VALUE")
    return field.strip(), value


def words(name: str | None, given: dict, changes: tuple[str, ...]) -> list[str]:
    """The command's arguments, without where it wrote: what makes the same network again."""
    options = {field: option.replace("start_from", "from") for option, field in FIELDS_BY_OPTION.items()}
    found = [] if name is None else [name]
    for field, value in given.items():
        for entry in value if isinstance(value, tuple) else (value,):
            found += [f"--{options[field]}", str(entry)]
    return [*found, *(word for change in changes for word in ("--set", change))]


def data_words(config) -> list[str]:
    """The options by which `build` finds the same samples."""
    found = ["--data", config.dataset]
    if config.label is not None:
        found += ["--label", config.label]
    return [*found, *(word for column in config.drop for word in ("--drop", column))]


def summary(record: dict, folder: Path) -> str:
    lines = [f"{net:>12}  " + "  ".join(f"{part} {value:.4f}" for part, value in parts.items())
             for net, parts in record["accuracy"].items()]
    lines.append(f"kept {record['shipped']}: {record['nonzero_weights']} of {record['weights']} weights, "
                 f"{record['zeros']:.1%} zeros, {record['time_s']['total']:.0f} s")
    return "\n".join([*lines, f"wrote {folder / 'model.onnx'} and {folder / 'record.json'}"])
