"""`escalera gate`: does a system break what works today? Words and exit codes for pipelines."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@click.argument("candidate")
@click.argument("incumbent", default="served")
@options.project
@options.as_json
@click.option("--junit", type=click.Path(path_type=Path), help="Also write a JUnit XML file.")
@click.option(
    "--promote", is_flag=True, help="Serve CANDIDATE from now on, where the gate is passed."
)
@click.option(
    "--override",
    metavar="REASON",
    help="With --promote: serve it though the gate is not passed; the journal keeps the reason.",
)
def command(  # noqa: PLR0913  one parameter per option
    candidate: str,
    incumbent: str,
    file: Path,
    json_: bool,  # noqa: FBT001
    junit: Path | None,
    promote: bool,  # noqa: FBT001
    override: str | None,
) -> int:
    """Hold CANDIDATE against INCUMBENT, by default what is in service: each query type gets a word.

    Asks as few `confirm` items as settle it. improved, equivalent and not worse pass; inconclusive
    asks for more items; regressed is a shown fall by more than the margin. Intervals hold for all
    types together, those of what was right and is wrong now included.

    Exit codes: 0 passed (or promoted), 3 not enough evidence, 4 a fall is shown.
    """
    from escalera.apps import promoted, workspace
    from escalera.apps.cli.watching import watching
    from escalera.wiring import outputs

    if override is not None and not promote:
        raise click.UsageError("--override needs --promote: a gate by itself changes nothing")
    opened = workspace.load(file)
    if junit is not None:
        outputs.require(junit, outputs.JUNIT, project=opened.installation.file)
    with watching(quiet=json_) as watcher:
        told = watcher.progressed
        if not promote:
            found = opened.compare(candidate, incumbent, buy=True, progress=told)
            done, code = None, found.exit_code
        else:
            done = promoted.promote(
                opened, candidate, incumbent=incumbent, override=override, progress=told
            )
            found, code = done.comparison, done.exit_code
    if junit is not None:
        outputs.write(junit, found.junit(), outputs.JUNIT)
    document = found.document() | ({} if done is None else {"promoted": done.done})
    click.echo(workspace.as_json(document) if json_ else (done or found))
    return code
