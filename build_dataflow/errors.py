"""How a failure is shown: one line on standard error, and an exit status."""

from __future__ import annotations

import errno
import os
import sys
import traceback

import click
from click.exceptions import NoArgsIsHelpError

LONGEST = 2000
FINN = "pip install --no-deps finn-plus==1.6.1 onnx-passes==0.4.1 mip==1.17"
EXTRAS = {"torch": "train", "brevitas": "train", "optuna": "train", "distributed": "cluster", "dask_jobqueue": "cluster"}
"""What pip leaves out unless it is asked for: the module, and the extra that brings it."""
HINTS = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some space, or write to another disk",
    errno.EACCES: "choose a place that you may write to, or change its permissions",
    errno.EPERM: "choose a place that you may write to, or change its permissions",
    errno.EROFS: "choose a place that can be written to",
}


def report_error(error: BaseException, verbose: bool = False) -> int:
    """Print `error` on standard error (first its traceback if `verbose`) and return the exit status: 2 for a wrong use of the
    command line, 130 for an interrupt, 141 for a reader that went away, else 1. A SystemExit is raised again."""
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return 2
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    if verbose:
        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("interrupted", err=True)
        return 130
    click.echo(f"error: {one_line(describe(error))}", err=True)
    return 2 if isinstance(error, click.UsageError) else 1


def one_line(text: str) -> str:
    """Names out of a file can hold anything: what does not print (a terminal's commands) is shown as `?`, what is very long is cut."""
    text = "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def describe(error: BaseException) -> str:
    """What went wrong and the way out, for an expected error; for any other its type and how to see more."""
    if isinstance(error, click.UsageError):
        return f"{error.format_message()} (see: {error.ctx.command_path} --help)" if error.ctx else error.format_message()
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        hint = HINTS.get(error.errno)
        return f"{where}{error.strerror}" + (f"; {hint}" if hint else "")
    if isinstance(error, (ValueError, OSError, RuntimeError)) and str(error):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (module := (error.name or "").partition(".")[0]) in {"finn", *EXTRAS}:
        way_out = FINN if module == "finn" else f"pip install 'qapflow[{EXTRAS[module]}]'"
        return f"{module} is not installed here: {way_out} (docs/install.md)"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{what}: this was not expected; --verbose shows where it happened"
