"""`escalera doctor`: can the climb start, and what can it cost?"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
@options.as_json
def command(file: Path, json_: bool) -> int:  # noqa: FBT001
    """Check data, models and packages, and say what the climb will cost at most."""
    from escalera.apps import doctor, workspace
    from escalera.apps.cli.watching import working

    with working("reading the data and asking the model a few items"):
        diagnosis = doctor.examine(workspace.load(file).installation)
    if json_:
        click.echo(json.dumps(dataclasses.asdict(diagnosis), indent=2, ensure_ascii=False))
        return 0 if diagnosis.healthy else 2
    for finding in diagnosis.findings:
        click.echo(f"{'ok ' if finding.passed else 'BAD'} {finding.words}")
    click.echo("\nAt most, rung by rung (a rung is climbed only if the one below is inadequate):")
    for entry in diagnosis.estimates:
        money = (
            "price unknown" if entry.micro_dollars is None else f"${entry.micro_dollars / 1e6:.4f}"
        )
        minutes = "time unknown" if entry.minutes is None else f"{entry.minutes:.1f} min"
        click.echo(f"  {entry.rung:<9} {entry.calls:>6} calls   {minutes:<12} {money}")
    return 0 if diagnosis.healthy else 2
