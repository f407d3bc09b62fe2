"""`escalera placebo`: the gain that is claimed where nothing is better."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@click.argument("system", required=False)
@options.project
@options.as_json
@click.option("--task", "-t", "tasks", multiple=True, help="Only this task; may be repeated.")
@click.option(
    "--candidates",
    type=click.IntRange(2, 1000),
    default=16,
    show_default=True,
    help="Copies of the system to choose from.",
)
@click.option(
    "--minibatch",
    type=click.IntRange(min=1),
    default=35,
    show_default=True,
    help="Items that each copy is scored on; at most half of the search items.",
)
@click.option(
    "--repetitions",
    type=click.IntRange(1, 1_000_000),
    default=1000,
    show_default=True,
    help="How often all of it is repeated.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")
@click.option(
    "--repeats",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Answers per item that copies draw from.",
)
def command(  # noqa: PLR0913  one parameter per option
    system: str | None,
    file: Path,
    json_: bool,  # noqa: FBT001
    tasks: tuple[str, ...],
    candidates: int,
    minibatch: int,
    repetitions: int,
    seed: int,
    repeats: int,
) -> int:
    """Choose among copies of SYSTEM, and show the gain that is claimed though nothing is better.

    Reporting the best of several noisy scores finds a winner even among identical candidates. The
    same copies go through "report the maximum" and through Escalera's own way: halving on common
    items, then the winner against the incumbent on fresh ones. SYSTEM is named as for `eval`;
    without it: the base model. Scores are real, and bought where the journal lacks them.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.core.evaluation.placebo import Settings

    opened = workspace.load(file)
    settings = Settings(
        candidates=candidates, minibatch=minibatch, repetitions=repetitions, seed=seed
    )
    with watching(quiet=json_) as watcher:
        found = opened.placebo(
            system,
            tasks=opened.tasks(*tasks),
            repeats=repeats,
            settings=settings,
            progress=watcher.progressed,
        )
    click.echo(workspace.as_json(found.document()) if json_ else found)
    return found.exit_code
