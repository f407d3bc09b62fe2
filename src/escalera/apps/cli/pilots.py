"""`escalera pilots`: which base is worth finetuning, or is it none?"""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
@click.option("--task", required=True, metavar="NAME", help="The task that is asked about.")
@click.option(
    "--base",
    "bases",
    multiple=True,
    metavar="NAME",
    help="A base to try, again for others; by default every local model that answers.",
)
@click.option(
    "--point",
    type=float,
    metavar="MONEY",
    help="What a percentage point is worth a month; by default the task's value_per_point.",
)
@click.option(
    "--answers", type=click.IntRange(min=0), default=0, help="Answers that are served a month."
)
@click.option(
    "--months",
    type=float,
    default=1.0,
    show_default=True,
    help="For how long worth and serving count.",
)
@click.option("--hour", type=float, metavar="MONEY", help="What an hour of this machine costs.")
@click.option(
    "--share",
    type=float,
    help="What pilots may read of what finetuning every base would, but for the first three; by "
    "default 0.1, and no bound where both a point and --hour have a price.",
)
@options.as_json
def command(  # noqa: PLR0913  one argument per option
    file: Path,
    task: str,
    bases: tuple[str, ...],
    point: float | None,
    answers: int,
    months: float,
    hour: float | None,
    share: float | None,
    json_: bool,  # noqa: FBT001
) -> int:
    """Say which base model to finetune for a task, from small trainings of each.

    Staying with what answers now is always among the answers. Every pilot is kept: the command can
    be interrupted and run again.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.apps.piloted import PilotWish
    from escalera.core.ladder.piloting import Economy

    opened = workspace.load(file)
    economy = Economy(point=point, answers=answers, months=months, hour=hour)
    with watching(quiet=json_) as watcher:
        wish = PilotWish(bases=bases, economy=economy, share=share)
        found = opened.pilots(task, wish, observer=watcher)
    if json_:
        click.echo(workspace.as_json(found.document))
        return 0
    widths = [max(len(row[place]) for row in found.table) for place in range(len(found.table[0]))]
    for row in found.table:
        click.echo("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip())
    click.echo(f"\n{found.recommendation}\n\nWhat would reverse it:")
    for said in found.reversals:
        click.echo(f"- {said}")
    click.echo(f"\n{found.ending}.")
    return 0
