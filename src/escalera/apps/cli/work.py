"""`escalera work`: the finetuning jobs that callers of the gateway asked for."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@options.project
@click.option("--once", is_flag=True, help="End when no job is left to be worked on.")
@click.option("--watched", is_flag=True, hidden=True, help="Given by the gateway that watches.")
@click.option("--told", is_flag=True, hidden=True, help="What runs stands in the pipe.")
def command(file: Path, *, once: bool, watched: bool, told: bool) -> int:
    """Work off the finetuning jobs of the gateway: one at a time, the oldest first.

    `escalera serve` starts this by itself where the project file has the table [gateway.jobs]. One
    process of a machine works at a time, another one waits for it. It may be ended or killed at any
    time: the job goes on from its last checkpoint when it is started again.
    """
    from escalera.apps import working

    file = file / "escalera.toml" if file.is_dir() else file
    working.work(file, once=once, watched=watched, told=told)
    return 0
