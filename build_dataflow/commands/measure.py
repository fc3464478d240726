"""`measure`: an accelerator on its board, or on the simulated one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from build_dataflow.completion import builds


@click.command()
@click.argument("name", metavar="NAME|FOLDER", shell_complete=builds)
@click.option(
    "--simulate", is_flag=True, help="Measure on a board in software: pynq, the driver and the RTL as they are, no board."
)
@click.option(
    "--board",
    "host",
    metavar="HOST",
    help="Measure on the PYNQ board at this address (user@host), over ssh or PYNQ's remote device.",
)
@click.option(
    "--on", "board", default="Pynq-Z1", show_default=True, help="Which board --simulate is: Pynq-Z1, Pynq-Z2, ZCU104 or KV260."
)
@click.option(
    "--clock-mhz", type=float, help="The clock that --simulate reckons with (default: the build's, or the board's fastest)."
)
@click.option("--largest", type=click.IntRange(1), help="The largest batch (default: 1,000,000, or fewer by the II).")
@click.option("--json", "as_json", is_flag=True, help="Print measure.json on standard output.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of measure.json and measure.png (default: the build's report/).",
)
def command(
    name: str, simulate: bool, host: str | None, board: str, clock_mhz: float | None, largest: int | None, output: Path | None,
    as_json: bool,
) -> None:
    """Check the test vectors on the board, then measure latency, throughput and what limits them.

    \b
    Examples:
      ./run-local.sh measure jet_qap --simulate
      ./run-local.sh measure jet_qap --simulate --on ZCU104 --largest 10000
      ./run-local.sh measure jet_qap --board xilinx@192.168.2.99
    """
    if simulate == bool(host):
        raise click.UsageError("say either --simulate or --board HOST; on the board itself, run deploy/driver/measure.py")

    from build_dataflow.report import find_package
    from build_dataflow.stdout import talking_on_stderr
    from deploy.measure_from_here import measure_remotely, measure_simulated

    folder = find_package(name)
    if not (folder / "deploy" / "shell").is_dir():
        raise click.UsageError(f"{folder} has --interface valid: nothing waits there, as a board's DMA must; simulate it with "
                               "deploy/core/tb, or build it with --interface stream")
    output = output or folder / "report"
    output.mkdir(parents=True, exist_ok=True)
    say = partial(click.echo, err=True)
    with talking_on_stderr(as_json):
        if simulate:
            measure_simulated(folder, board, clock_mhz, largest, output, say)
        else:
            measure_remotely(folder, host, largest, output, say)
    say(f"written: {output / 'measure.json'}, {output / 'measure.png'}")
    if as_json:
        click.echo((output / "measure.json").read_text(), nl=False)
