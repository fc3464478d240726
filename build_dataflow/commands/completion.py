"""`completion`: the script that makes a shell complete this command line."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script by which SHELL completes commands, options and the names of networks, builds and studies.

    \b
    Example:
      eval "$(./run-local.sh completion bash)"
    """
    from build_dataflow.cli import PROGRAM, cli
    from build_dataflow.completion import script

    click.echo(script(cli, PROGRAM, shell))
