"""`escalera serve`: the decided system behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@options.project
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to use."
)
@click.option("--api-key-env", help="Environment variable with the key that callers must send.")
def command(file: Path, host: str, port: int, api_key_env: str | None) -> int:
    """Serve /v1/chat/completions and /v1/models with the decided system.

    On an address that others can reach, a key is required.
    """
    import uvicorn

    from escalera import wiring
    from escalera.apps import workspace
    from escalera.apps.gateway.app import application

    key = wiring.gateway_key(api_key_env)
    if key is None and host not in LOOPBACK:
        raise click.UsageError(
            f"--host {host} is reachable from outside: name a variable with --api-key-env"
        )
    desk = workspace.load(file).desk()
    names = ", ".join(desk.names())
    click.echo(f"serving {names} on http://{host}:{port}/v1", err=True)
    app = application(desk, api_key=key, now=wiring.wall_clock())
    uvicorn.run(app, host=host, port=port, log_config=None, timeout_graceful_shutdown=10)
    return 0
