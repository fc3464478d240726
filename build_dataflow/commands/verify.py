"""`verify`: check a finished build again, on as many samples as wanted."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", metavar="NAME|FOLDER")
@click.option("--samples", type=int, default=1_000_000, show_default=True, help="Random inputs through emulator and onnxruntime.")
@click.option("--rtl-samples", type=int, default=20_000, show_default=True, help="How many of them also go through the RTL.")
@click.option("--seed", type=int, default=1, show_default=True)
def command(name: str, samples: int, rtl_samples: int, seed: int) -> None:
    """Extend a build's verification: random inputs through the emulator, onnxruntime and, for a part of them, the RTL.

    \b
    Example:
      ./run-local.sh verify jet_qap --samples 5000000
    """
    from build_dataflow.report import find_build
    from build_dataflow.verify import extend_verification

    counts = extend_verification(find_build(name), samples, rtl_samples, seed)
    click.echo(f"{counts['samples']:,} samples: emulator equals onnxruntime; {counts['rtl_samples']:,} of them: RTL equals both; "
               f"{counts['original_samples']:,}: your own file, untouched, too")
