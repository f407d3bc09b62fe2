"""`escalera log`: what the gateway served, as a list, as items, and asked again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from escalera.apps.cli import options, times
from escalera.domain.dataset import Split

if TYPE_CHECKING:
    from escalera.domain.call_log import CallQuery, Tally
    from escalera.domain.traffic import ServedCall

Command = TypeVar("Command", bound=Callable[..., Any])


def filtered(command: Command) -> Command:
    """Options that say which calls are wanted."""
    for option in (
        click.option("--failed", is_flag=True, help="Only calls that ended with an error."),
        click.option("--status", type=int, help="A status, or its first digit: 429, 5."),
        click.option("--model", default="", help="The name that was asked for."),
        click.option("--key", default="", help="The id of the caller's key."),
        click.option("--until", help="Calls that began before this: a date, or a time (UTC)."),
        click.option("--since", help="Calls from this on: a date, a time (UTC), or the last 12h."),
    ):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """List, show, export and replay what the gateway served.

    The log is `gateway/calls.sqlite` in the project's state. It holds a record of every request
    with its attempts; bodies only where `gateway.log.bodies` asks for them.
    """


@command.command("list")
@options.project
@filtered
@click.option(
    "--newest", "-n", default=50, show_default=True, type=click.IntRange(min=1), help="How many."
)
@options.as_json
def list_(file: Path, newest: int, *, json_: bool, **wanted: Any) -> int:
    """List the newest calls, and say how many the log holds and how many it never got."""
    from escalera.apps import logged

    found, tally = logged.calls(file, _query(wanted, newest))
    if json_:
        for call in found:
            click.echo(json.dumps(logged.document(call, bodies=False)))
    else:
        _table(found)
    click.echo(_told(len(found), tally), err=json_)
    return 0


@command.command()
@click.argument("id_", metavar="ID")
@options.project
@options.as_json
def show(id_: str, file: Path, *, json_: bool) -> int:
    """Show the call ID: what was asked, every attempt, and what came of it."""
    from escalera.apps import logged
    from escalera.apps.issued import moment

    call = logged.one(file, id_)
    if json_:
        click.echo(json.dumps(logged.document(call, bodies=True), indent=2))
        return 0
    asked, ended = logged.printable(call.model), f"{call.status} {call.error}".strip()
    click.echo(f"{call.id}: {call.operation} of {asked or 'the default'}, {ended}")
    click.echo(f"began     {moment(call.started)}")
    click.echo(f"took      {call.seconds:.3f} s, {1000 * call.overhead:.3f} ms of it here")
    click.echo(f"cost      {_dollars(call.cost)}")
    for name in ("key", "task", "system", "decision"):
        if getattr(call, name):
            click.echo(f"{name:10}{getattr(call, name)}")
    for tried in call.attempts:
        fate = f"{tried.fault}, {tried.blame}'s fault" if tried.fault else "answered"
        click.echo(
            f"attempt   {tried.purpose}: {tried.deployment} {fate}, status {tried.status}, "
            f"{tried.seconds:.3f} s, {tried.prompt_tokens} + {tried.completion_tokens} tokens"
        )
    for name in ("request", "answer"):
        if getattr(call, name):
            click.echo(f"{name}:\n{logged.printable(getattr(call, name))}")
    return 0


@command.command()
@click.argument("into", type=click.Path(path_type=Path))
@options.project
@filtered
@click.option("--split", type=click.Choice(get_args(Split)), help="Of every row.")
@click.option(
    "--form",
    type=click.Choice(["items", "chat"]),
    default="items",
    show_default=True,
    help="Items of a task, or chats as finetuning services take them.",
)
def export(file: Path, into: Path, split: Any, form: Any, **wanted: Any) -> int:
    """Write calls as rows of a data file INTO: what was asked, and what was answered as the target.

    What a system answered is not what is right: let people label the rows before they test or
    teach. Calls that are no rows are counted by the reason.
    """
    from escalera.apps import logged

    found = logged.export(file, _query(wanted, None), into, split=split, form=form)
    click.echo(f"{found.calls} calls: {found.rows} rows in {into}")
    for reason, count in sorted(found.left_out.items(), key=lambda pair: -pair[1]):
        click.echo(f"{count} left out: {reason}")
    return 0


@command.command()
@click.argument("id_", metavar="ID")
@options.project
@click.option("--base-url", required=True, help="Of a gateway that runs: http://127.0.0.1:8000/v1")
@click.option("--api-key-env", help="Environment variable with the key to send.")
@options.as_json
def replay(id_: str, file: Path, base_url: str, api_key_env: str | None, *, json_: bool) -> int:
    """Ask a running gateway what the call ID asked, and print the answer beside its fate of then.

    Exit code 1 where it ends with another status than it did.
    """
    from escalera.apps import logged

    found = logged.replay(logged.one(file, id_), base_url=base_url, api_key_env=api_key_env)
    body = found.body.decode("utf-8", "replace")
    if json_:
        document = {"status": found.status, "seconds": found.seconds, "answer": body}
        document["before"] = logged.document(found.before, bodies=True)
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(logged.printable(body))
        before = found.before
        click.echo(
            f"status {found.status} in {found.seconds:.3f} s; then it was {before.status} in "
            f"{before.seconds:.3f} s",
            err=True,
        )
    return 0 if found.same_status else 1


# Below: private.


def _query(wanted: dict[str, Any], newest: int | None) -> CallQuery:
    from escalera.domain.call_log import CallQuery
    from escalera.wiring import stores

    now = stores.wall_clock()()
    since, until = times.window(wanted.pop("since"), wanted.pop("until"), now)
    return CallQuery(since=since, until=until, newest=newest, **wanted)


def _table(found: list[ServedCall]) -> None:
    from rich.table import Table
    from rich.text import Text

    from escalera.apps.issued import moment
    from escalera.apps.logged import printable

    table = Table(box=None, pad_edge=False)
    longest = max((len(call.id) for call in found), default=2)
    table.add_column("id", no_wrap=True, min_width=longest)  # whole: it is what `show` asks for
    for heading in ("began", "model", "key", "status", "error", "ms", "tries", "cost"):
        right = heading in ("status", "ms", "tries", "cost")
        table.add_column(heading, justify="right" if right else "left")
    for call in found:
        table.add_row(
            call.id,
            moment(call.started),
            Text(printable(call.model)),
            call.key,
            str(call.status),
            call.error,
            f"{1000 * call.seconds:.0f}",
            str(len(call.attempts)),
            _dollars(call.cost),
        )
    options.console().print(table)


def _told(shown: int, tally: Tally) -> str:
    return (
        f"{shown} of {tally.calls} calls with {tally.attempts} attempts; the log takes "
        f"{tally.bytes / 1e6:.1f} MB, {tally.lost} calls were lost for want of room, "
        f"{tally.trimmed} went by retention"
    )


def _dollars(micro_dollars: int) -> str:
    return f"${micro_dollars / 1e6:.6f}"
