"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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


def as_json(command: Command) -> Command:
    """`--json`: data for scripts instead of text for people."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON for scripts.")(command)
