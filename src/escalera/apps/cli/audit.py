"""`escalera audit`: what was done to the gateway, and whether its record holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from escalera.apps.cli import options

if TYPE_CHECKING:
    from escalera.core.serving.audit import Checked


@click.group()
def command() -> None:
    """Check and list the record of administrative acts: keys, configurations, routes, promotions.

    Each entry holds the hash of the one before it. The record is `gateway/audit.jsonl` in the
    project's state, or a copy of it that --log names.
    """


LOG = click.option(
    "--log", type=click.Path(path_type=Path), help="The record. Without it: the project's own."
)


@command.command()
@options.project
@LOG
@click.option("--head", help="A head that was told before: it must still be in the record.")
def verify(file: Path, log: Path | None, head: str | None) -> int:
    """Check every entry; exit code 1, and the first that does not hold, where one does not.

    The head that is told last stands for the whole record. Keep it somewhere else: with --head, a
    record whose end was cut off or written anew is noticed as well.
    """
    found = _checked(file, log)
    held = len(found.entries)
    if found.broken:
        click.echo(f"{found.broken}; {held} entries before it hold", err=True)
        return 1
    if head is not None and head not in {entry.hash for entry in found.entries}:
        click.echo(f"the head {head} is not in the record, whose {held} entries hold", err=True)
        return 1
    click.echo(f"{held} entries hold; the head is {found.head}")
    return 0


@command.command("list")
@options.project
@LOG
@options.as_json
def list_(file: Path, log: Path | None, json_: bool) -> int:  # noqa: FBT001
    """List the acts, oldest first; only as far as the record holds."""
    from escalera.apps.issued import moment

    found = _checked(file, log)
    for entry in found.entries:
        act = entry.act
        if json_:
            click.echo(json.dumps({"number": entry.number, **asdict(act)}, ensure_ascii=False))
            continue
        details = "".join(f" {name}={value}" for name, value in act.details.items())
        click.echo(f"{entry.number} {moment(act.at)} {act.who} {act.kind} {act.subject}{details}")
    if found.broken:
        click.echo(found.broken, err=True)
        return 1
    return 0


# Below: private.


def _checked(file: Path, log: Path | None) -> Checked:
    from escalera.apps import audited
    from escalera.wiring import stores

    return audited.checked(log or stores.of(file).audit_file)
