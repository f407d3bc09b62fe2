"""`escalera shadow`: what candidates on live traffic are worth so far."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.group()
def command() -> None:
    """Candidates that are tried on live calls: as shadows, unseen by callers, or as canaries."""


@command.command()
@click.argument("name", required=False)
@options.project
@options.as_json
def status(name: str | None, file: Path, *, json_: bool) -> int:
    """Say what the trial NAME says, or all of them: a word, and each limit with its interval.

    It may be read at any time, as often as you like. Exit codes for one: 0 the candidate may take
    over, 3 not enough is known, 4 it must not.
    """
    from escalera.apps import trials, workspace

    tried = trials.Tried(file)
    found = [tried.standing(one) for one in ((name,) if name else tried.names())]
    if json_:
        click.echo(workspace.as_json({"trials": [one.document() for one in found]}))
    else:
        click.echo("\n".join(map(str, found)) or "the project file has no shadow and no canary")
    return found[0].exit_code if name else 0


@command.command()
@click.argument("name")
@options.project
def judge(name: str, file: Path) -> int:
    """Score the pairs of the shadow NAME: by a task's scorer where its target is known, or by the
    project's judges.

    For shadows with `quality = "scores"`. Judges are asked under the caps of [budget]. Scores are
    recorded in the order of the pairs, each once.
    """
    from escalera.apps import judged_pairs
    from escalera.apps.cli.watching import watching

    with watching(quiet=False) as watcher:
        found = judged_pairs.run(file, name, progress=watcher.progressed)
    click.echo(str(found))
    return 0
