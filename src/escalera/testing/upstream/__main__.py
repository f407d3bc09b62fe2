"""`python -m escalera.testing.upstream`: the mock upstream as a process of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from escalera.testing.upstream.faults import FAULTS
from escalera.testing.upstream.server import Mock, Pace, loop, serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, help="Port to use; a free one when left out.")
@click.option("--name", default="mock", show_default=True, help="What it says that it is.")
@click.option("--fault", default="", type=click.Choice(["", *FAULTS]), help="What goes wrong.")
@click.option("--first", default=0.0, help="Seconds to the first byte of an answer.")
@click.option("--gap", default=0.0, help="Seconds between two tokens of a stream.")
@click.option("--tokens", default=100, show_default=True, help="Tokens of an answer.")
@click.option("--key", help="The API key that it wants.")
def command(*, host: str, fault: str, first: float, gap: float, tokens: int, **rest: Any) -> None:
    """Answer as OpenAI's API does, or fail; POST /mock sets the fault, GET /mock tells counts."""
    pace = Pace(first=first, gap=gap, tokens=tokens)
    mock = Mock(fault=fault, pace=pace, **rest)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(serve(mock, host=host, ready=lambda: click.echo(mock.url)))


if __name__ == "__main__":
    command()
