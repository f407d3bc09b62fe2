"""`escalera judge`: can a judge be trusted?"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from escalera.apps.cli import options
from escalera.domain.dataset import Split


@click.command()
@click.argument("name")
@options.project
@options.as_json
@click.option(
    "--draw",
    type=click.IntRange(min=1),
    help="Draw this many items of each judged task for people to label, and judge nothing.",
)
@click.option(
    "--system", "-s", "systems", multiple=True, help="With --draw: whose answers; may be repeated."
)
@click.option(
    "--split",
    type=click.Choice(get_args(Split)),
    default="confirm",
    show_default=True,
    help="With --draw: of which items.",
)
@click.option(
    "--again",
    type=click.IntRange(min=1),
    default=None,
    help="Have this many answers of the kept calibration graded again, to see drift.",
)
@click.option("--renew", is_flag=True, help="Keep a new calibration, of the judge as it is now.")
@click.option(
    "--into", type=click.Path(path_type=Path), help="With --draw: the file to write, else stdout."
)
def command(  # noqa: PLR0913  one parameter per option
    name: str,
    file: Path,
    json_: bool,  # noqa: FBT001
    draw: int | None,
    systems: tuple[str, ...],
    split: Split,
    again: int | None,
    renew: bool,  # noqa: FBT001
    into: Path | None,
) -> int:
    """Hold the judge NAME against the labels that people gave: agreement, bias, position, drift.

    The labels are those of every task that the judge scores (`labels` in the project file). What
    the judge said before is not bought again, and the caps of [budget] hold. With --draw it writes
    a form for people to fill in: random items with the answers of one or more systems (named as for
    `eval`), without saying whose they are.

    The first calibration on enough labels is kept. What is labelled later is held against it, and
    so is what --again has the judge grade once more: no drift, drifted, or how many labels are
    needed to tell. --renew keeps a calibration of the judge as it is now.

    Exit codes: 0 the agreement is shown to reach `min_agreement` and no drift is shown, else 3.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.wiring import outputs

    if draw is not None and (again is not None or renew):
        raise click.UsageError("--draw judges nothing: give --again and --renew without it")
    opened = workspace.load(file)
    if draw is not None:
        text = opened.labels_form(name, *systems, count=draw, split=split)
        if into is None:
            click.echo(text, nl=False)
        else:
            outputs.write(into, text, outputs.FORM, project=file)
        return 0
    from escalera.engine.calibrating import DriftWish

    wish = DriftWish(again=again or 0, renew=renew)
    with watching(quiet=json_) as watcher:
        found = opened.judge(name, wish, progress=watcher.progressed)
    click.echo(workspace.as_json(found.document()) if json_ else found)
    return found.exit_code
