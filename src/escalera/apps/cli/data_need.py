"""`escalera data-need`: would more examples help, how many, and at what price?"""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
@click.option("--task", required=True, metavar="NAME", help="The task that is asked about.")
@click.option("--bar", type=float, help="The score to be reached; by default the task's bar.")
@click.option(
    "--most", type=int, help="The most examples worth having; by default 16 times those at hand."
)
@click.option("--cost", type=float, metavar="MONEY", help="What one more labelled example costs.")
@click.option(
    "--trainings",
    type=click.IntRange(min=5),
    default=12,
    show_default=True,
    help="Train at most so many times; fewer where the forecast is narrow before.",
)
@options.as_json
def command(  # noqa: PLR0913  one argument per option
    file: Path,
    task: str,
    bar: float | None,
    most: int | None,
    cost: float | None,
    trainings: int,
    json_: bool,  # noqa: FBT001
) -> int:
    """Say how many more training examples a task needs, from trainings on parts of them.

    Every training and every answer is kept: the command can be interrupted and run again, and a
    second question about the same task costs nothing.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.apps.needed import NeedWish

    opened = workspace.load(file)
    with watching(quiet=json_) as watcher:
        wish = NeedWish(bar=bar, most=most, cost=cost, trainings=trainings)
        found = opened.data_need(task, wish, observer=watcher)
    if json_:
        click.echo(workspace.as_json(found.document))
        return 0
    width = max(len(row[0]) for row in found.table)
    for examples, score, how in found.table:
        click.echo(f"{examples:>{width}} examples  {score}  {how}")
    click.echo(f"\n{found.sentence}")
    return 0
