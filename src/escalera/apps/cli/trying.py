"""`escalera try`: edit a prompt, see what changes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from escalera.apps.cli import options
from escalera.errors import InputError

if TYPE_CHECKING:
    from escalera.apps.trying import Trial
    from escalera.apps.workspace import Workspace

POLL_SECONDS = 0.5


@click.command()
@click.argument("task")
@click.argument("prompt", type=click.Path(path_type=Path))
@options.project
@click.option("--items", "-n", default=20, show_default=True, type=click.IntRange(2, 1000))
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Another prompt file; without it, what the climb put forward last.",
)
@click.option("--watch", is_flag=True, help="Try again whenever the file is saved; Ctrl-C ends.")
@options.as_json
def command(  # noqa: PLR0913  one parameter per option
    task: str,
    prompt: Path,
    file: Path,
    items: int,
    against: Path | None,
    watch: bool,  # noqa: FBT001
    json_: bool,  # noqa: FBT001
) -> int:
    """Try the prompt file PROMPT for TASK on a few search items, beside the prompt before.

    Shows the paired difference with its interval, and every answer that flipped. Answers are kept,
    so a prompt that was tried before costs nothing. The items are for choosing: what is found here
    is confirmed by `climb`, on others.
    """
    from escalera.apps import workspace

    opened, files = workspace.load(file), [prompt, *([] if against is None else [against])]
    seen = _stamps(files)
    _once(opened, task, prompt, against=against, items=items, json_=json_)
    while watch:
        seen = _changed(files, seen)
        try:
            _once(opened, task, prompt, against=against, items=items, json_=json_)
        except InputError as error:  # half a prompt was saved: the next save mends it
            click.echo(f"escalera: {error}", err=True)
    return 0


def _once(
    opened: Workspace,
    task: str,
    prompt: Path,
    *,
    against: Path | None,
    items: int,
    json_: bool,
) -> None:
    from escalera.apps import workspace

    found = opened.attempt(task, prompt, against=against, items=items)
    if json_:
        click.echo(workspace.as_json(found.document))
    else:
        _show(found)


def _show(found: Trial) -> None:
    from rich.console import Console
    from rich.table import Table

    console, difference = Console(highlight=False), found.difference
    unscored = f", {found.unscored} without a score" if found.unscored else ""
    console.print(
        f"{found.task.replace('_', ' ')}: {found.before} {found.mean_before:.3f} -> "
        f"{found.after} {found.mean_after:.3f}, {difference.value:+.3f} "
        f"[{difference.lower:+.3f}, {difference.upper:+.3f}] "
        f"on {difference.n} items{unscored}",
        markup=False,
    )
    if not found.flips:
        console.print("no answer's score changed")
        return
    table = Table(show_lines=True)
    for heading in ("change", "message", "expected", found.before, found.after):
        table.add_column(heading, overflow="fold")
    for flip in found.flips:
        cells = (f"{flip.change:+.2f}", flip.input, flip.expected, flip.before, flip.after)
        table.add_row(*(_plain(cell) for cell in cells))
    console.print(table)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _changed(files: list[Path], seen: list[int]) -> list[int]:
    """Wait until a file is not as it was *seen*, also when it was saved in the meantime."""
    while (now := _stamps(files)) == seen:
        time.sleep(POLL_SECONDS)
    return now


def _stamps(files: list[Path]) -> list[int]:
    """When each file was written; 0 while an editor replaces it."""
    return [file.stat().st_mtime_ns if file.exists() else 0 for file in files]
