"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 200
"""Characters of a line that goes into a pipe."""
Command = TypeVar("Command", bound=Callable[..., Any])


def project(command: Command) -> Command:
    """`--project`: the project file."""
    return click.option(
        "--project",
        "-p",
        "file",
        type=click.Path(path_type=Path),
        default=Path("escalera.toml"),
        show_default=True,
        help="The project file, or the folder that holds it.",
    )(command)


def console() -> Console:
    """Where tables go; into a pipe they are wide, so that nothing in them is cut off."""
    from rich.console import Console

    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=WIDE)


def as_json(command: Command) -> Command:
    """`--json`: data for scripts instead of text for people."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON for scripts.")(command)
