"""The command line: a click group that finds its commands in `build_dataflow/commands/` and loads only the one asked for.

`commands/foo.py` holds a click command (or group) named `command`, reached as `foo`. Each is a thin skin over library functions,
which raise ValueError, OSError or RuntimeError with a full sentence when something that can be expected goes wrong.
"""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from build_dataflow.completion import answer
from build_dataflow.errors import report_error
from build_dataflow.version import VERSION

COMMANDS = Path(__file__).parent / "commands"
PROGRAM = os.environ.get("QAPFLOW_PROGRAM", "python -m build_dataflow")


class LazyGroup(click.Group):
    """Commands are the modules of `commands/`; naming one imports it, and nothing else does."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(path.stem.replace("_", "-") for path in COMMANDS.glob("[!_]*.py"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"build_dataflow.commands.{name.replace('-', '_')}")
        return accept_verbose(told_as(PROGRAM, module.command))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told_as(PROGRAM, self)
        super().format_help_text(ctx, formatter)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            near = difflib.get_close_matches(name, known)
            hint = f"did you mean {' or '.join(near)}?" if near else f"commands: {', '.join(known)}"
            raise click.UsageError(f"no such command: {name}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def told_as(program: str, command: click.Command) -> click.Command:
    """`command`, and those below it, with examples that start as the user does: `qapflow` where pip has installed it."""
    if program == "qapflow" and command.help:
        command.help = command.help.replace("./run-local.sh", program)
    for below in getattr(command, "commands", {}).values():
        told_as(program, below)
    return command


def accept_verbose(command: click.Command) -> click.Command:
    """Add `--verbose` to `command` and the commands below it, unless it has its own; `main` reads it from the arguments."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            accept_verbose(below)
    if all(parameter.name != "verbose" for parameter in command.params):
        command.params.append(click.Option(["--verbose"], is_flag=True, expose_value=False, help="Show the traceback of an error."))
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(VERSION, prog_name="qapflow")
@click.option("--verbose", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def cli() -> None:
    """From a quantised, pruned network to a verified FPGA accelerator.

    \b
    Examples:
      ./run-local.sh build jet_qap       build, verify and report the shipped jet tagger
      ./run-local.sh build --help        what a command takes

    \b
    Exit status: 0 done; 1 an error, which is one line on standard error; 2 a wrong use of the command line;
    130 interrupted by Ctrl-C; 143 ended by SIGTERM; 141 the reader of the output went away; `test`: pytest's.
    """


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """SIGTERM ends the process as an error does: what it has started is ended, and temporary folders are removed."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(args: list[str] | None = None) -> int:
    """Run the command line on `args` (default: the process's own) and return its exit status: 0, 1 for an error,
    2 for a wrong use, 130 for an interrupt, 143 for SIGTERM, or what the command itself ended with."""
    asked = answer(cli, PROGRAM)
    if asked is not None:
        return asked
    args = sys.argv[1:] if args is None else list(args)
    try:
        with sigterm_as_exit(), cli.make_context(PROGRAM, args.copy()) as ctx:
            cli.invoke(ctx)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except BaseException as error:
        return report_error(error, verbose="--verbose" in args)
