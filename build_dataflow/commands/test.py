"""`test`: the test suite, run by pytest; the same that CI runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--slow", is_flag=True, help="Also run the tests marked slow.")
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(slow: bool, pytest_arguments: tuple[str, ...]) -> None:
    """Run the test suite. Anything else that you give goes to pytest, whose paths start at the repository's root.

    Without anything else, the suite runs in two processes, file by file.

    \b
    Examples:
      ./run-local.sh test
      ./run-local.sh test --slow
      ./run-local.sh test tests/test_cli.py -k verbose -x
    """
    if not (ROOT / "tests").is_dir():
        raise click.ClickException("the tests are in the checkout, not in what pip installs: clone it, and `./run-local.sh test` there")
    os.chdir(ROOT)
    sys.stdout.flush()
    markers = ["-m", ""] if slow else []
    processes = [] if pytest_arguments else ["--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *markers, *processes, *pytest_arguments])
