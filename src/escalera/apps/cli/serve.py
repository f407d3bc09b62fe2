"""`escalera serve`: the decided system behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options
from escalera.apps.gateway import address


@click.command()
@options.project
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to use."
)
@click.option("--api-key-env", help="Environment variable with the key that callers must send.")
@click.option(
    "--models-only", is_flag=True, help="Serve the models by name, without a decided system."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes."
)
@click.option("--worker", hidden=True, help="SLOT:SOCKET, given by the process that watches over.")
def command(  # noqa: PLR0913  one parameter per option
    file: Path,
    host: str,
    port: int,
    api_key_env: str | None,
    workers: int,
    worker: str | None,
    *,
    models_only: bool,
) -> int:
    """Serve the decided system and every model of the project behind OpenAI's API.

    Callers need one of the keys of `escalera keys`, once there are any, or the one key that
    --api-key-env names. On an address that others can reach, a key is required.
    """
    from escalera import wiring
    from escalera.apps.gateway import starting

    key = wiring.gateway_key(api_key_env)
    wanted = starting.Wanted(
        file=file / "escalera.toml" if file.is_dir() else file,
        host=host,
        port=port,
        key=key,
        key_variable=api_key_env,
        models_only=models_only,
        workers=workers,
    )
    if worker is not None:
        starting.work(wanted, worker)
        return 0
    if key is None and not address.is_loopback(host) and not starting.has_keys(wanted.file):
        raise click.UsageError(
            f"--host {host} is reachable from outside: make keys with `escalera keys create`, "
            "or name a variable with --api-key-env"
        )
    starting.serve(wanted, lambda words: click.echo(words, err=True))
    return 0
