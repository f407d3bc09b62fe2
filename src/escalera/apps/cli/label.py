"""`escalera label`: a page on which people grade answers, choose between two, or write targets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from escalera.apps.cli import options
from escalera.apps.gateway import address
from escalera.domain.dataset import Split

if TYPE_CHECKING:
    from escalera.apps.label.matter import Matter, Wanted


@click.command()
@options.project
@click.option("--task", "-t", help="Of which task; may be left out where there is only one.")
@click.option(
    "--answers",
    "-s",
    multiple=True,
    help="Grade the answers of this system, named as for `eval`; may be repeated. Without it: of "
    "what is served.",
)
@click.option("--pairs", nargs=2, help="Choose between the answers of these two systems instead.")
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    help="Write targets of the inputs in this file instead: rows of a data file, where `target` "
    "and `split` may be missing.",
)
@click.option(
    "--split",
    type=click.Choice(get_args(Split)),
    default="confirm",
    show_default=True,
    help="Answers to which items.",
)
@click.option(
    "--sample",
    "-n",
    type=click.IntRange(min=1),
    help="How many items, at random. Without it: 40 for grades, or as many as `judge` says are "
    "needed; 100 for pairs; every input for targets.",
)
@click.option(
    "--overlap",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many are labelled by everybody, which shows agreement; the others by one person.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="The file of labels. Without it: `labels` of the task, or one beside the project file.",
)
@click.option("--as", "by", help="Who labels; without it the page asks.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8010, show_default=True, type=click.IntRange(0, 65535), help="Port to use."
)
@click.option(
    "--expose",
    help="Let others on the network in, who reach this machine by this name; needed for a --host "
    "that is not this machine's own.",
)
@click.option("--summary", is_flag=True, help="Say how far people are and agree; no page.")
@click.option("--json", "json_", is_flag=True, help="With --summary: JSON for scripts.")
@click.option(
    "--rows",
    type=click.Path(path_type=Path),
    help="With --targets or --pairs: write what was decided as a data file; no page.",
)
def command(  # noqa: PLR0913  one parameter per option
    file: Path,
    task: str | None,
    answers: tuple[str, ...],
    pairs: tuple[str, str] | None,
    targets: Path | None,
    split: Split,
    sample: int | None,
    overlap: int,
    into: Path | None,
    by: str | None,
    host: str,
    port: int,
    expose: str | None,
    summary: bool,  # noqa: FBT001
    json_: bool,  # noqa: FBT001
    rows: Path | None,
) -> int:
    """Open a page on which people label: grades by keyboard, each on disk before the next.

    Answers come from the journal; nothing is bought. Items are drawn at random, and the page does
    not say whose an answer is. Grades are labels that `judge`, `eval`, `compare` and verdicts use
    when the task names their file as `labels`. Stop and start as you like: what was saved counts,
    of each person the last label of an answer.
    """
    from escalera.apps.label import serving
    from escalera.apps.label.matter import Wanted

    _check(answers, pairs, targets, rows=rows, summary=summary, json_=json_)
    if not address.is_loopback(host) and expose is None:
        raise click.UsageError(
            f"--host {host} is reachable from outside: name this machine with --expose, as others "
            "will write it, and mind that names and labels travel unencrypted"
        )
    wanted = Wanted(
        task=task,
        answers=answers,
        pairs=pairs,
        targets=targets,
        split=split,
        sample=sample,
        into=into,
    )
    project = file / "escalera.toml" if file.is_dir() else file
    if summary:
        _summary(project, wanted, overlap, json_=json_)
    elif rows is not None:
        click.echo(f"{serving.write_rows(project, wanted, rows)} rows in {rows}")
    else:
        where = serving.Address(host=host, port=port, exposed=expose)
        serving.serve(project, wanted, where, shared=overlap, by=by, ready=_ready)
    return 0


# Below: private.


def _check(
    answers: tuple[str, ...],
    pairs: tuple[str, str] | None,
    targets: Path | None,
    *,
    rows: Path | None,
    summary: bool,
    json_: bool,
) -> None:
    given = [
        name
        for name, value in (("--answers", answers), ("--pairs", pairs), ("--targets", targets))
        if value
    ]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other: one thing at a time")
    if json_ and not summary:
        raise click.UsageError("--json needs --summary: a page has no JSON")
    if rows is not None and targets is None and pairs is None:
        raise click.UsageError("--rows needs --targets or --pairs: grades of answers make no rows")


def _summary(project: Path, wanted: Wanted, overlap: int, *, json_: bool) -> None:
    from escalera.apps import workspace
    from escalera.apps.label import serving

    found = serving.summary(project, wanted, shared=overlap)
    click.echo(workspace.as_json(found.document()) if json_ else found)


def _ready(matter: Matter, url: str) -> None:
    what = {"grade": "answers", "choice": "pairs of answers", "target": "inputs"}[matter.kind]
    name = matter.place.file.name
    click.echo(
        f"{matter.task.name}: {len(matter.units)} {what}; labels are kept in {name}", err=True
    )
    if matter.alike:
        click.echo(f"on {matter.alike} more items both gave the same answer", err=True)
    if matter.kind == "grade" and not matter.place.named:
        click.echo(
            f'name it in [tasks.{matter.task.name}] as labels = "{name}", and `escalera judge '
            f"{matter.panel}` uses it",
            err=True,
        )
    click.echo(f"open {url} (Ctrl-C ends it)", err=True)
