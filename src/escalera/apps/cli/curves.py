"""`escalera curves`: the curves of trainings, also while they run."""

from __future__ import annotations

import time
from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
@click.option(
    "--page", type=click.Path(path_type=Path), help="Write them as one self-contained HTML file."
)
@click.option(
    "--tensorboard",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write event files, one folder per training (extra `tensorboard`).",
)
@click.option(
    "--mlflow",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a run per training to this SQLite store (extra `mlflow`).",
)
@click.option(
    "--follow", is_flag=True, help="Go on, every five seconds, until the climb has stopped."
)
def command(
    file: Path,
    page: Path | None,
    tensorboard: Path | None,
    mlflow: Path | None,
    follow: bool,  # noqa: FBT001
) -> int:
    """Show loss, gradient norm, learning rate and task scores of every training, step by step.

    Only the journal, the artifacts and the checkpoints are read, so a climb may be running. What
    was written before is not written twice.
    """
    from escalera.apps import curves, workspace
    from escalera.apps.report import page as pages
    from escalera.wiring import curves as wired
    from escalera.wiring import outputs

    opened = workspace.load(file)
    outputs.require_apart(file, page, tensorboard, mlflow)
    writers = [wired.tensorboard(tensorboard)] if tensorboard else []
    writers += [wired.mlflow(mlflow)] if mlflow else []
    try:
        while True:
            evidence = opened.evidence()
            found = curves.gather(opened.installation, evidence)
            for one in found:
                for writer in writers:
                    writer.write(one.run, one.label, one.scalars, one.settings)
            if page is not None:
                document = curves.document(opened.project.name, found)
                tasks = [{"name": t.name, "title": t.title} for t in opened.project.tasks]
                outputs.write(page, pages.trainings(document, tasks), outputs.PAGE)
            if not follow or evidence.stopped:
                break
            time.sleep(pages.REFRESH)
    finally:
        for writer in writers:
            writer.close()
    for one in found:
        click.echo(str(one) if one.missing is None else f"{one}; {one.missing}")
    if not found:
        click.echo("no training yet")
    return 0
