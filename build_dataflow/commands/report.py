"""`report`: what the last build of a network measured."""

from __future__ import annotations

import click

from build_dataflow.completion import builds


@click.command()
@click.argument("name", metavar="NAME|FOLDER", shell_complete=builds)
@click.option("--json", "as_json", is_flag=True, help="Print report/summary.json as it is.")
def command(name: str, as_json: bool) -> None:
    """Show the report of the build in build/NAME (or FOLDER).

    \b
    Example:
      ./run-local.sh report jet_qap
    """
    from build_dataflow.jsonfile import read_json
    from build_dataflow.report import find_build, print_report

    folder = find_build(name)
    summary = folder / "report" / "summary.json"
    if as_json:
        click.echo(summary.read_text(), nl=False)
    else:
        print_report(read_json(summary), folder)
