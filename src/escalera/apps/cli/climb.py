"""`escalera climb`: from the base model to a decision."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options
from escalera.domain.project import RUNGS, RungName


@click.command()
@options.project
@click.option(
    "--until", type=click.Choice(RUNGS), help="Go no further than this rung, and say how it ended."
)
@options.as_json
def command(file: Path, until: RungName | None, json_: bool) -> int:  # noqa: FBT001
    """Climb from the base model to a decision.

    What was measured before is used, so the command can be interrupted at any moment and run
    again: no finished call is repeated.
    """
    from escalera.apps import diagnosed, workspace
    from escalera.apps.cli.watching import watching

    opened = workspace.load(file)
    opened.report_file()
    if until is not None:
        with watching(quiet=json_) as watcher:
            reached = opened.climb_until(until, observer=watcher)
        said = workspace.as_json(reached.document) if json_ else f"\n{reached.sentence}"
        click.echo(said)
        return reached.exit_code
    with watching(quiet=json_) as watcher:
        decision = opened.climb(observer=watcher)
    report = opened.report()
    if json_:
        click.echo(workspace.as_json(decision.document))
    else:
        click.echo(f"\n{decision.sentence}\nreport: {report}")
    asked_back = opened.project.rewind is not None
    if asked_back and (idle := diagnosed.unrewound(opened.project, opened.evidence())) is not None:
        click.echo(idle, err=True)
    return decision.exit_code
