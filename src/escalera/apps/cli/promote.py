"""`escalera promote`: a candidate that was tried on live calls takes over."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@click.argument("trial")
@options.project
@click.option(
    "--override",
    metavar="REASON",
    help="Promote it though its trial does not say that it may; the reason is recorded.",
)
def command(trial: str, file: Path, override: str | None) -> int:
    """Let the candidate of TRIAL, a shadow or a canary, answer from now on.

    A gateway that runs takes it up at once. A canary says nothing of quality, so it needs a reason.
    For a system of the project: `escalera gate SYSTEM --promote`.
    """
    from escalera.apps import trials
    from escalera.apps.gateway.running import Running

    found = trials.Tried(file).promote(trial, reason=override)
    Running(file).reload()
    click.echo(f"{found.table.to} answers for {found.table.of}")
    return 0
