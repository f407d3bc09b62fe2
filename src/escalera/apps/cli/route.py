"""`escalera route`: a cheap system where it is enough, a better one elsewhere, by evidence."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@click.argument("weak")
@click.argument("strong")
@options.project
@options.as_json
@click.option("--name", help="What it is called; by default WEAK-or-STRONG.")
@click.option(
    "--ask",
    type=click.Choice(["before", "after"]),
    default="before",
    show_default=True,
    help="From the message alone, or after WEAK has answered: a cascade, which pays for both.",
)
@click.option(
    "--most-lost",
    type=options.Between(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="The mean score that may be lost where STRONG would have been better.",
)
@click.option(
    "--risk",
    type=options.Between(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="The chance that this bound does not hold.",
)
def command(  # noqa: PLR0913  one parameter per option
    weak: str,
    strong: str,
    file: Path,
    json_: bool,  # noqa: FBT001
    name: str | None,
    ask: str,
    most_lost: float,
    risk: float,
) -> int:
    """Learn where WEAK is enough and STRONG is needed, and test whether that pays.

    `search` items teach the signal, one half of the `confirm` items calibrates the threshold, the
    other half tests the route: against the better of both systems, and against chance at the same
    price. What the journal does not hold is bought. The decision is recorded, and `escalera serve`
    answers by it where a table [gateway.routes.NAME] names it.

    Exit codes: 0 a gain is shown, 3 none is, 4 a loss is.
    """
    from escalera.apps import routed, workspace
    from escalera.apps.cli.watching import watching
    from escalera.engine.proving import Wish

    wish = Wish(
        name=name or f"{weak}-or-{strong}",
        weak=weak,
        strong=strong,
        asking="after" if ask == "after" else "before",
        most_lost=most_lost,
        risk=risk,
    )
    with watching(quiet=json_) as watcher:
        found = routed.make(workspace.load(file), wish, progress=watcher.progressed)
    click.echo(workspace.as_json(found.document()) if json_ else found)
    return found.exit_code
