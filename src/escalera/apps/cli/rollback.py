"""`escalera rollback`: what was promoted goes, what answered before it comes back."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@click.argument("name")
@options.project
@click.option("--reason", required=True, help="Why; it is recorded.")
def command(name: str, file: Path, reason: str) -> int:
    """Let NAME answer by itself again, after a trial's candidate was promoted to answer for it.

    NAME may be the trial as well. A gateway that runs takes it up at once.
    """
    from escalera.apps import trials
    from escalera.apps.gateway.running import Running

    of = trials.Tried(file).roll_back(name, reason=reason)
    Running(file).reload()
    click.echo(f"{of} answers by itself again")
    return 0
