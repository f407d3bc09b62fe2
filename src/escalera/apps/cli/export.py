"""`escalera export`: the answers of a project as a table of scores."""

from __future__ import annotations

from pathlib import Path

import click

from escalera.apps.cli import options


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@options.project
@click.option("--format", "format_", help="The format, where the ending does not name it.")
def command(output: Path, file: Path, format_: str | None) -> int:
    """Write every answer's score to OUTPUT: .jsonl, .csv, .tsv, .parquet, or .db for MLflow.

    One row per system, item and repeat, with tokens, price and time; `compare` reads it again.
    """
    from escalera import wiring
    from escalera.apps import workspace
    from escalera.wiring import outputs

    opened = workspace.load(file)
    outputs.require(output, outputs.SCORES, project=opened.installation.file)
    table = opened.scores()
    wiring.write_scores(table, output, format=format_)
    click.echo(f"{len(table.rows)} rows of {len(table.systems)} systems: {output}")
    return 0
