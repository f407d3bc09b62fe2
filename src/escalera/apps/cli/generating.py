"""`escalera data generate`, `answer` and `effect`: examples that models make, and what they add."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from escalera.apps.cli import options
from escalera.domain.generation import Style


@click.command()
@options.project
@click.argument("task")
@click.option(
    "--by",
    required=True,
    help="Who writes: a model of the project, or a system named as for `eval`.",
)
@click.option("--number", "-n", type=click.IntRange(1, 100_000), required=True, help="Rows wanted.")
@click.option(
    "--into", type=click.Path(path_type=Path), required=True, help="The data file to write."
)
@click.option(
    "--style",
    type=click.Choice(get_args(Style)),
    default="rows",
    show_default=True,
    help="What is asked for: rows with input and target as JSON, or one input at a time, which "
    "small models can do.",
)
@click.option("--answers", help="Who answers what was written, named as for `eval`.")
@click.option("--judge", help="A rubric judge of the project that grades targets.")
@click.option(
    "--least",
    type=options.Between(0, 1),
    default=0.5,
    show_default=True,
    help="The judge's grade, from 0 to 1, that is enough.",
)
@click.option(
    "--near",
    type=options.Between(0.6, 1, max_open=True),
    default=0.7,
    show_default=True,
    help="Share of common shingles from which a draft is nearly an item or another draft.",
)
@click.option(
    "--shots",
    type=click.IntRange(1, 100),
    default=6,
    show_default=True,
    help="Train items that each call shows.",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Rows that each call asks for.",
)
@click.option(
    "--temperature", type=options.Between(0, 2), default=1.0, show_default=True, help="Of writing."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="What is shown and drawn.")
@click.option(
    "--calls",
    type=click.IntRange(min=1),
    help="Calls to who writes, at most; by default three times as many as would do.",
)
@click.option("--licence", default="", help="Of the rows; by default that of all that was shown.")
@click.option("--estimate", is_flag=True, help="Say what it costs at most, and buy nothing.")
@options.as_json
def generate(  # noqa: PLR0913  one parameter per option
    file: Path,
    task: str,
    by: str,
    number: int,
    into: Path,
    style: Style,
    answers: str | None,
    judge: str | None,
    least: float,
    near: float,
    shots: int,
    rows: int,
    temperature: float,
    seed: int,
    calls: int | None,
    licence: str,
    estimate: bool,  # noqa: FBT001
    json_: bool,  # noqa: FBT001
) -> int:
    """Let a model write rows of TASK from its train items, and keep those that may be taught.

    What does not fit the task's scorer and schema goes, and so does another language, what is like
    an item of any split or another draft, what the judge thinks little of, and what differs least.
    Every reply is in the journal before it is used: stopped and run again, nothing is bought twice.
    The caps of [budget] hold. Measure with `escalera data effect` whether the rows help.

    Exit codes: 0 as many rows as wanted, 3 fewer.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.apps.data import generated

    wish = generated.Wish(
        task=task,
        by=by,
        number=number,
        style=style,
        answers=answers,
        judge=judge,
        least=least,
        near=near,
        shots=shots,
        rows=rows,
        temperature=temperature,
        seed=seed,
        calls=calls,
        licence=licence,
    )
    opened = workspace.load(file)
    with watching(quiet=json_) as watcher:
        found = generated.run(
            opened.installation,
            wish,
            into,
            progress=watcher.progressed,
            told=lambda cost: click.echo(cost, err=True),
            only_estimate=estimate,
        )
    if found is None:
        return 0
    click.echo(workspace.as_json(found.document) if json_ else found)
    return 0 if found.written >= number else 3


@click.command()
@options.project
@click.argument("task")
@click.argument("inputs", type=click.Path(path_type=Path))
@click.option("--by", required=True, help="Who answers, named as for `eval`.")
@click.option(
    "--into", type=click.Path(path_type=Path), required=True, help="The data file to write."
)
@click.option("--judge", help="A rubric judge of the project that grades the answers.")
@click.option(
    "--least",
    type=options.Between(0, 1),
    default=0.5,
    show_default=True,
    help="The judge's grade, from 0 to 1, that is enough.",
)
@options.as_json
def answer(  # noqa: PLR0913  one parameter per option
    file: Path,
    task: str,
    inputs: Path,
    by: str,
    into: Path,
    judge: str | None,
    least: float,
    json_: bool,  # noqa: FBT001
) -> int:
    """Let a system answer the INPUTS of TASK, and keep the answers that may be taught.

    INPUTS are rows of a data file, in which `target` may be missing. What is like an item of any
    split goes, and so do answers that do not fit the task's scorer and schema, or that the judge
    thinks little of. For `train` items, whose targets tell which answers are right, name the system
    under [training.teacher] instead.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.apps.data import answered

    wish = answered.Wish(task=task, file=inputs, by=by, judge=judge, least=least)
    opened = workspace.load(file)
    with watching(quiet=json_) as watcher:
        found = answered.run(opened.installation, wish, into, progress=watcher.progressed)
    click.echo(workspace.as_json(found.document) if json_ else found)
    return 0


@click.command()
@options.project
@click.argument("task")
@click.argument("rows", type=click.Path(path_type=Path))
@click.option(
    "--seeds",
    type=click.IntRange(2, 20),
    default=3,
    show_default=True,
    help="Trainings with and as many without the rows, each pair with a seed of its own.",
)
@click.option(
    "--confirm",
    is_flag=True,
    help="Then compare the first pair on `confirm` items, in the looks of the policy: spends alpha "
    "of the project's account.",
)
@options.as_json
def effect(
    file: Path,
    task: str,
    rows: Path,
    seeds: int,
    confirm: bool,  # noqa: FBT001
    json_: bool,  # noqa: FBT001
) -> int:
    """Say what the rows of ROWS add when TASK is trained on them besides its own train items.

    The same recipe is trained with and without them, and all trainings answer the same `search`
    items: the difference with an interval over items and trainings, whether it is above 0 or not.
    Every training and answer is kept: stopped and run again, nothing is done twice.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.apps.data import effects

    opened = workspace.load(file)
    with watching(quiet=json_) as watcher:
        found = effects.run(
            opened.installation, task, rows, seeds=seeds, confirm=confirm, observer=watcher
        )
    click.echo(workspace.as_json(found.document) if json_ else found)
    return 0
