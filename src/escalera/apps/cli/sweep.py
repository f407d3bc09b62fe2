"""`escalera sweep`: which levers of a training do best for a task?"""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
@click.option("--task", required=True, metavar="NAME", help="The task that is trained for.")
@options.as_json
def command(file: Path, task: str, json_: bool) -> int:  # noqa: FBT001
    """Try levers within the ranges of [training.sweep] in rounds, and confirm the winner.

    The first trial has the levers of the project; half of the `search` items choose, the others
    confirm. Every trial is kept: the command can be interrupted and run again.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching

    opened = workspace.load(file)
    with watching(quiet=json_) as watcher:
        found = opened.sweep(task, observer=watcher)
    if json_:
        click.echo(workspace.as_json(found.document))
        return found.exit_code
    widths = [max(len(row[place]) for row in found.table) for place in range(len(found.table[0]))]
    for row in found.table:
        click.echo("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip())
    click.echo(f"\n{found.sentence}")
    for line in found.remedy:
        click.echo(f"    {line}")
    return found.exit_code
