"""`escalera rollback`: what was promoted goes, what answered before it comes back."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@click.argument("name", required=False)
@options.project
@click.option("--reason", required=True, help="Why; it is recorded.")
def command(name: str | None, file: Path, reason: str) -> int:
    """Let NAME answer by itself again, after a trial's candidate was promoted to answer for it.

    NAME may be the trial as well. Without it, the system that was in service before the present one
    (`escalera gate --promote`, or the last climb) is served again. A gateway that runs takes it up
    at once.
    """
    from escalera.apps import promoted, trials, workspace
    from escalera.apps.gateway.running import Running

    if name is None:
        digest = promoted.roll_back(workspace.load(file), reason=reason)
        told = f"the system before, {digest[:12]}, is in service again"
    else:
        told = f"{trials.Tried(file).roll_back(name, reason=reason)} answers by itself again"
    Running(file).reload()
    click.echo(told)
    return 0
