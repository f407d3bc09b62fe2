"""`escalera doctor`: can the climb start, and what can it cost?"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from escalera.apps.cli import options

if TYPE_CHECKING:
    from escalera.apps.estimates import Estimate
    from escalera.apps.judges import Finding


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
        click.echo(f"{_mark(finding)} {finding.words}")
    click.echo("\nAt most, rung by rung (a rung is climbed only if the one below is inadequate):")
    for entry in diagnosis.estimates:
        click.echo(line(entry))
    click.echo("Times are reckoned from the calls just made; a climb tells each price anew.")
    if diagnosis.levers:
        click.echo("\nA training learns with these levers ([training] in the project file):")
    for setting in diagnosis.levers:
        click.echo(f"  {setting.lever:<14} {_value(setting.value):<10} {setting.reason}")
    return 0 if diagnosis.healthy else 2


def _mark(finding: Finding) -> str:
    if not finding.passed:
        return "BAD"
    return "NB " if finding.caution else "ok "


def _value(value: object) -> str:
    """A lever for people: nothing named is all, no rate is one to be found."""
    if value is None or value == ():
        return "auto"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def line(entry: Estimate) -> str:
    """An estimate for people: calls, time and money, each also where it is not known."""
    money = "price unknown" if entry.micro_dollars is None else f"${entry.micro_dollars / 1e6:.4f}"
    if entry.micro_dollars_range is not None:
        money += " ({:.4f} to {:.4f})".format(*(end / 1e6 for end in entry.micro_dollars_range))
    minutes = "time unknown" if entry.minutes is None else f"{entry.minutes:.1f} min"
    if entry.training_minutes:
        minutes += f" + {entry.training_minutes:.1f} min of training"
    elif entry.training_minutes is None:
        minutes += ", with training"
    return f"  {entry.rung:<9} {entry.calls:>6} calls   {minutes:<33} {money}"
