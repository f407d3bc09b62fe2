"""`escalera prompts`: which prompts were tried, where each comes from, and what changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from escalera.apps.cli import options

if TYPE_CHECKING:
    from escalera.apps.prompts import PromptVersion


@click.command()
@click.argument("versions", nargs=-1)
@options.project
@click.option("--task", "-t", "tasks", multiple=True, help="Only of this task; may be repeated.")
@options.as_json
def command(versions: tuple[str, ...], file: Path, tasks: tuple[str, ...], json_: bool) -> int:  # noqa: FBT001
    """List the versions of every prompt; show one, or what changed from one to another.

    Without VERSIONS, a table: version, parent, what made it, and its mean score on the search items
    that it was asked. With one, its text. With two, what changed from the first to the second.
    A version is the beginning of its digest.
    """
    from escalera.apps import prompts, workspace

    if len(versions) > 2:
        raise click.UsageError("give one version to show, or two to compare")
    opened = workspace.load(file)
    wanted = {task.name for task in opened.tasks(*tasks)}
    found = tuple(one for one in opened.prompts() if one.task in wanted)
    chosen = [prompts.find(found, name) for name in versions]
    if json_:
        documents = [one.document for one in chosen or found]
        click.echo(workspace.as_json({"prompts": documents}))
    elif len(chosen) == 2:
        _differ(*chosen)
    elif chosen:
        _show(chosen[0])
    else:
        _list(found)
    return 0


def _list(found: tuple[PromptVersion, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("task", "version", "from", "made by", "mean", "items", "put forward"):
        table.add_column(heading, justify="right" if heading in ("mean", "items") else "left")
    for one in found:
        table.add_row(
            one.task.replace("_", " "),
            one.version[:12],
            "" if one.parent is None else one.parent[:12],
            one.operator,
            "" if one.mean is None else f"{one.mean:.3f}",
            str(one.items),
            ", ".join(one.put_forward),
        )
    Console(highlight=False).print(table)


def _show(one: PromptVersion) -> None:
    from escalera.core.prompts.versions import lines

    click.echo("\n".join(lines(one.prompt)))


def _differ(before: PromptVersion, after: PromptVersion) -> None:
    from escalera.core.prompts.versions import changes

    colours = {"-": "red", "+": "green", "@": "cyan"}
    for line in changes(before.prompt, after.prompt):
        click.secho(line, fg=colours.get(line[:1]))
