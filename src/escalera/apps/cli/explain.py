"""`escalera explain`: the decision in words."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
def command(file: Path) -> int:
    """Say why the decision is what it is, and what would reverse it."""
    from escalera.apps import workspace

    decision = workspace.load(file).decision
    click.echo(decision.explain())
    return 0
