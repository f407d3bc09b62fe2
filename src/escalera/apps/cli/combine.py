"""`escalera combine`: one model, separate models or a merge? The alternatives side by side."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
@options.as_json
def command(file: Path, json_: bool) -> int:  # noqa: FBT001
    """Build the ways to combine what was finetuned, and say which one to serve, and why.

    Climbs like `climb`, under the same caps and from the same journal: a climb that has ended costs
    nothing. Then every confirmed system stands in one table: quality against its bars, price and
    time of a call, models held ready, artefacts kept alive, training time, and, with a [service]
    table, what a month of it is worth.

    Exit codes: 0 decided, 3 not enough evidence, 4 a regression was shown.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.apps.combined import Tournament

    opened = workspace.load(file)
    with watching(quiet=json_) as watcher:
        found = Tournament(decision=opened.climb(observer=watcher))
    click.echo(workspace.as_json(found.document) if json_ else found)
    return found.exit_code
