"""`report`: what the last build of a network measured, in the terminal and as a page."""

from __future__ import annotations

import json
from pathlib import Path

import click

from build_dataflow.completion import builds


@click.command()
@click.argument("names", metavar="NAME|FOLDER ...", nargs=-1, required=True, shell_complete=builds)
@click.option("--json", "as_json", is_flag=True, help="Print report/summary.json as it is (of several builds: a list), and write no page.")
@click.option("--html", "html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Where to write the page (default: report/report.html in the build's folder; of several builds, beside the first).")
@click.option("--page/--no-page", default=True, help="Write the page, or print alone.")
@click.option("--schedule/--no-schedule", default=None,
              help="Simulate the RTL once more to see when each layer works (default: where the design is small, and once for a build).")
def command(names: tuple[str, ...], as_json: bool, html: Path | None, page: bool, schedule: bool | None) -> None:
    """Show the report of the build in build/NAME (or FOLDER), and write it as one HTML page that needs no network. Several builds are set side
    by side.

    \b
    Examples:
      ./run-local.sh report jet_qap
      ./run-local.sh report jet_qap jet_qap_small jet_dpp
      ./run-local.sh report jet_qap --html jet_qap.html
    """
    from build_dataflow.jsonfile import read_json
    from build_dataflow.report import find_build, print_report

    folders = [find_build(name) for name in names]
    summaries = [folder / "report" / "summary.json" for folder in folders]
    if as_json:
        several = [read_json(path) for path in summaries]
        return click.echo(summaries[0].read_text() if len(folders) == 1 else json.dumps(several, indent=2) + "\n", nl=False)
    for folder, summary in zip(folders, summaries):
        print_report(read_json(summary), folder)
    if html or page:
        from build_dataflow.page.page import page_or_reason

        path, reason = page_or_reason(folders, html, schedule, lambda text: click.echo(f"{text} ...", err=True))
        if path is None and html:
            raise RuntimeError(reason)
        click.echo(path or f"no page was written: {reason}", err=path is None)
