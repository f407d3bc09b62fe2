"""`escalera report`: the decision as a page or as data."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
@options.as_json
@click.option("--no-clocks", is_flag=True, help="With --json: leave out all clock readings.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Where to write the page.")
def command(file: Path, json_: bool, no_clocks: bool, output: Path | None) -> int:  # noqa: FBT001
    """Write the decision report: one self-contained HTML file, or JSON.

    Two climbs of the same project on the same machine print the same bytes with --json
    --no-clocks, whether or not they were interrupted.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import working

    if no_clocks and not json_:
        raise click.UsageError("--no-clocks needs --json: the page always shows clock readings")
    opened = workspace.load(file)
    if not json_:
        opened.report_file(output)
    with working("reading the journal"):
        decision = opened.decision
    if json_:
        click.echo(workspace.as_json(decision.document, clocks=not no_clocks))
    else:
        click.echo(opened.report(output))
    return decision.exit_code
