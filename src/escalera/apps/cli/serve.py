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
@click.option(
    "--models-only", is_flag=True, help="Serve the models by name, without a decided system."
)
def command(file: Path, host: str, port: int, api_key_env: str | None, *, models_only: bool) -> int:
    """Serve the decided system and every model of the project behind OpenAI's API.

    On an address that others can reach, a key is required.
    """
    import uvicorn

    from escalera import wiring
    from escalera.apps import workspace
    from escalera.apps.gateway.app import Setup, application
    from escalera.apps.gateway.protocol import LeanProtocol

    key = wiring.gateway_key(api_key_env)
    if key is None and host not in LOOPBACK:
        raise click.UsageError(
            f"--host {host} is reachable from outside: name a variable with --api-key-env"
        )
    project = workspace.load(file)
    setup = Setup(table=project.gateway, file=str(file))
    desk = project.desk(models_only=models_only)
    app = application(desk, api_key=key, now=wiring.wall_clock(), setup=setup)
    click.echo(f"serving {', '.join(app.names())} on http://{host}:{port}/v1", err=True)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        ws="none",
        http=LeanProtocol,
        timeout_keep_alive=75,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    return 0
