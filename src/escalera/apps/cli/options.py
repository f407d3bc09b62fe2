"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 200
"""Characters of a line that goes into a pipe."""
Command = TypeVar("Command", bound=Callable[..., Any])


class Between(click.FloatRange):
    """A number within a range. NaN is in none: every comparison with it is false."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number that *value* says. Raises `click.BadParameter` where it is out of range."""
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return found


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
