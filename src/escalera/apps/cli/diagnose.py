"""`escalera diagnose`: what went wrong in a training."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options

EXIT_FOUND = 4


@click.command()
@click.argument("run", default="last", required=False)
@options.project
@options.as_json
def command(run: str, file: Path, json_: bool) -> int:  # noqa: FBT001
    """Say what went wrong in the training RUN: its figures, what to do, and the command.

    RUN is a rung that trains (`lora`, `full`, `mixture`, `merge`, `route`), the first characters
    of a recipe's digest, or `last`. Only the journal, the artifacts and the data are read.

    Exit codes: 0 nothing is wrong, 4 something is.
    """
    from escalera.apps import workspace

    found = workspace.load(file).diagnose(run)
    if json_:
        click.echo(workspace.as_json({"trainings": [one.document for one in found]}))
    else:
        click.echo("\n\n".join(str(one) for one in found))
    return 0 if all(one.healthy for one in found) else EXIT_FOUND
