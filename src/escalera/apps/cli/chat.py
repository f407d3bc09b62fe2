"""`escalera chat`: talk with the decided system in the terminal."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from escalera.apps.cli import options
from escalera.domain.message import Message
from escalera.engine.serve import Desk, Overrides


@click.command()
@options.project
@click.option("--model", help="A task of the route ('support/feedback') or a base model.")
@click.option("--message", "-m", help="Ask this one message and leave; '-' reads it from stdin.")
def command(file: Path, model: str | None, message: str | None) -> int:
    """Talk with the decided system; each message is a conversation of its own, as measured."""
    from escalera.apps import workspace
    from escalera.apps.cli.watching import working

    with working("reading the decision"):
        desk = workspace.load(file).desk()
    name = model or desk.names()[0]
    with asyncio.Runner() as loop:
        if message is not None:
            loop.run(_answer(desk, name, sys.stdin.read() if message == "-" else message))
            return 0
        click.echo(f"talking with {name}; an empty line ends")
        while text := click.prompt("you", default="", show_default=False):
            loop.run(_answer(desk, name, text))
    return 0


async def _answer(desk: Desk, name: str, text: str) -> None:
    found = await desk.resolve(name, [Message(role="user", content=text)], Overrides())
    if found.task is not None:
        about = f"{found.task}?" if found.refusal else found.task
        click.echo(f"[{about}] ", nl=False, err=True)
    async for piece in found.stream():
        if isinstance(piece, str):
            click.echo(piece, nl=False)
    click.echo()
    if found.sources:
        click.echo(f"shown: {', '.join(found.sources)}", err=True)
