"""`escalera eval`: measure systems, buying only what is not known."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from escalera.apps.cli import options
from escalera.domain.dataset import Split


@click.command()
@click.argument("systems", nargs=-1)
@options.project
@options.as_json
@click.option("--task", "-t", "tasks", multiple=True, help="Only this task; may be repeated.")
@click.option(
    "--split",
    type=click.Choice(get_args(Split)),
    default="confirm",
    show_default=True,
    help="Which items.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first items of each task.")
@click.option(
    "--repeats",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Samples per item.",
)
def command(  # noqa: PLR0913  one parameter per option
    systems: tuple[str, ...],
    file: Path,
    json_: bool,  # noqa: FBT001
    tasks: tuple[str, ...],
    split: Split,
    limit: int | None,
    repeats: int,
) -> int:
    """Measure SYSTEMS on tasks: score with interval, what is missing, price and time.

    A system is a model of the project file (`base`), a rung of the climb (`lora`, `route`), what
    is `served`, or a model with a rung's prompts (`large@prompt`). Without any: the base model.
    Answers that are in the journal are not bought again, and the caps of [budget] hold.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.engine.measuring import Wanted

    opened = workspace.load(file)
    chosen = opened.tasks(*tasks)
    wanted = Wanted(tasks=chosen, split=split, limit=limit, repeats=repeats)
    with watching(quiet=json_) as watcher:
        found = opened.evaluate(*systems, wanted=wanted, progress=watcher.progressed)
    click.echo(workspace.as_json(found.document()) if json_ else found)
    return found.exit_code
