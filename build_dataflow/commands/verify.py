"""`verify`: check a finished build again, on as many samples as wanted."""

from __future__ import annotations

import json

import click

from build_dataflow.completion import builds


@click.command()
@click.argument("name", metavar="NAME|FOLDER", shell_complete=builds)
@click.option("--samples", type=int, default=1_000_000, show_default=True, help="Random inputs through emulator and onnxruntime.")
@click.option("--rtl-samples", type=int, default=20_000, show_default=True, help="How many of them also go through the RTL.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the counts on standard output as JSON.")
def command(name: str, samples: int, rtl_samples: int, seed: int, as_json: bool) -> None:
    """Extend a build's verification: random inputs through the emulator, onnxruntime and, for a part of them, the RTL.

    \b
    Example:
      ./run-local.sh verify jet_qap --samples 5000000
    """
    from build_dataflow.report import find_build
    from build_dataflow.verify import extend_verification

    counts = extend_verification(find_build(name), samples, rtl_samples, seed)
    if as_json:
        click.echo(json.dumps(counts, indent=2))
        return
    click.echo(f"{counts['samples']:,} samples: emulator equals onnxruntime; {counts['rtl_samples']:,} of them: RTL equals both; "
               f"{counts['original_samples']:,}: your own file, untouched, too")
