"""What the shell completes: commands and options by click, names of networks, builds and studies by the folders there are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

VARIABLE = "_QAPFLOW_COMPLETE"
"""Set by the script that `completion SHELL` prints, when a shell asks."""


def script(cli: click.Command, program: str, shell: str) -> str:
    """The lines that make `shell` (bash, zsh or fish) complete `program`."""
    return get_completion_class(shell)(cli, {}, Path(program).name, VARIABLE).source()


def answer(cli: click.Command, program: str) -> int | None:
    """The exit status of what the shell asked for; None where no shell asks."""
    instruction = os.environ.get(VARIABLE)
    return shell_complete(cli, {}, program, VARIABLE, instruction) if instruction else None


def builds(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Finished builds in build/, else folders."""
    return names_or((path.parents[1].name for path in Path("build").glob("*/report/summary.json")), begun, "dir")


def configurations(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Shipped builds, else files."""
    return names_or((path.parent.name for path in Path(__file__).parent.glob("*/build.yaml")), begun, "file")


def networks(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Networks with a training of their own, else files."""
    from models.catalogue import names

    return names_or(names(), begun, "file")


def studies(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Shipped studies, else files."""
    from models.catalogue import study_names

    return names_or(study_names(), begun, "file")


def names_or(names: Iterable[str], begun: str, path: str) -> list[CompletionItem]:
    """The names that begin so; where none does, paths. Both at once is not what click's script for bash can show."""
    found = [CompletionItem(name) for name in sorted(names) if name.startswith(begun)]
    return found or [CompletionItem(begun, type=path)]
