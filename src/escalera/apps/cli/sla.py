"""`escalera sla`: what providers promised, and what they kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from escalera.apps.cli import options, times


@click.command()
@options.project
@click.option("--since", help="From this on: a date, a time (UTC), or the last 30d. Without it: "
              "each promise over its own days.")  # fmt: skip
@click.option("--until", help="Up to this: a date or a time (UTC). Without it, and at most: now.")
@click.option(
    "--by",
    type=click.Choice(["model", "provider"]),
    default="model",
    show_default=True,
    help="One account per model of the project file, or per host.",
)
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write a row per account.")
@options.as_json
def command(
    file: Path, since: str | None, until: str | None, by: Any, table: Path | None, *, json_: bool
) -> int:
    """Hold what was served against what providers promise: `[models.NAME.sla]`.

    Counted is every attempt of the request log, by whose fault it was; the last line says that none
    is missing. Exit code 1 where that is not so.
    """
    from escalera.apps import kept
    from escalera.wiring import outputs, stores

    now = stores.wall_clock()()
    begin, end = times.window(since, until, now)
    found = kept.kept(file, since=begin, until=now if end is None else min(end, now), by=by)
    if table is not None:
        written = kept.table(found)
        kind = outputs.OutputKind(what="a table of accounts", begins=(written.partition("\n")[0],))
        outputs.write(table, written, kind, project=file)
    if json_:
        click.echo(json.dumps(kept.document(found), indent=2, ensure_ascii=False))
    else:
        for ledger in found.account.ledgers:
            for line in kept.words(ledger):
                click.echo(line)
        click.echo(kept.account_words(found))
    return 0 if found.reconciled else 1
