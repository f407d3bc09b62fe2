"""`escalera gateway`: look at a gateway that runs, and give it another configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from escalera.apps.cli import options

if TYPE_CHECKING:
    from escalera.apps.gateway.running import Taken


@click.group()
def command() -> None:
    """Say how a gateway stands, reload its configuration, or go back to an earlier one.

    A configuration is checked before anything changes, taken up by every worker between two
    requests, and kept by number. No request is dropped by it.
    """


@command.command()
@options.project
@options.as_json
def status(file: Path, json_: bool) -> int:  # noqa: FBT001
    """Say which workers run, and which configuration each goes by; exit code 1 where none runs."""
    from escalera.apps.gateway.running import Running

    running = Running(file)
    leader, standings = running.leader(), running.standings()
    if json_:
        found = {
            "pid": leader,
            "version": running.version(),
            "workers": [
                {"slot": s.slot, "pid": s.pid, "version": s.version, "refused": s.refused}
                for s in standings
            ],
        }
        click.echo(json.dumps(found, indent=2))
    else:
        runs = "does not run" if leader is None else f"runs as process {leader}"
        click.echo(f"the gateway {runs}; the configuration in use is {running.version()}")
        for one in standings if leader is not None else ():
            click.echo(f"worker {one.slot}: process {one.pid}, configuration {one.version}")
            if one.refused:
                click.echo(f"  {one.refused}")
    return 1 if leader is None else 0


@command.command()
@options.project
def metrics(file: Path) -> int:
    """Print the counts of all workers in Prometheus' format."""
    from escalera.apps.gateway.running import Running

    click.echo(Running(file).metrics(), nl=False)
    return 0


@command.command()
@options.project
def reload(file: Path) -> int:
    """Take up the project file as it is now; exit code 1 where a worker does not."""
    from escalera.apps.gateway.running import Running

    return _told(Running(file).reload())


@command.command()
@options.project
@click.argument("version", type=int, required=False)
def rollback(file: Path, version: int | None) -> int:
    """Go back to VERSION, or to the one before the present; exit code 1 where a worker does not.

    The project file is left as it is.
    """
    from escalera.apps.gateway.running import Running

    return _told(Running(file).rollback(version))


@command.command()
@options.project
def versions(file: Path) -> int:
    """List the configurations that the gateway was given, oldest first."""
    from escalera.apps.gateway.running import Running

    running = Running(file)
    now = running.version()
    for number in running.versions():
        click.echo(f"{number}{'  in use' if number == now else ''}")
    return 0


@command.command()
@options.project
@click.option("--key-env", required=True, help="Environment variable with the key of operators.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8001, show_default=True, type=click.IntRange(0, 65535), help="Port to use."
)
def admin(file: Path, key_env: str, host: str, port: int) -> int:
    """Serve these commands and those of `keys`, `audit` and `sla` over HTTP, and /metrics.

    It is a server of its own beside the gateway, with a key of its own that every request needs.
    """
    from escalera import wiring
    from escalera.apps.gateway import address
    from escalera.apps.gateway.admin import server

    key = wiring.gateway_key(key_env, option="--key-env")
    served = server(file, key or "")
    with address.listening(host, port) as listener:
        click.echo(f"administration on {address.url(host, listener)}", err=True)
        served.run(sockets=[listener])
    return 0


# Below: private.


def _told(taken: Taken) -> int:
    if not taken.runs:
        click.echo(f"no gateway runs: the next starts with configuration {taken.now}")
    elif taken.before == taken.now:
        click.echo(f"configuration {taken.now} stays in use")
    else:
        click.echo(f"configuration {taken.now} is in use instead of {taken.before}")
    for refused in taken.refused:
        click.echo(f"not taken up: {refused}", err=True)
    if taken.waiting:
        click.echo(f"{taken.waiting} workers have not taken it up yet", err=True)
    return 0 if taken.whole else 1
