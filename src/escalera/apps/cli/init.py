"""`escalera init`: a commented project file to start from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from escalera.errors import InputError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def command(folder: Path) -> int:
    """Write a commented escalera.toml and a small data file into FOLDER; never overwrites."""
    template = resources.files("escalera.apps.cli") / "template"
    targets = {
        "escalera.toml": folder / "escalera.toml",
        "questions.jsonl": folder / "data" / "questions.jsonl",
    }
    for target in targets.values():
        if target.exists():
            raise InputError(f"{target} exists: choose another folder, or remove it first")
    for name, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((template / name).read_text(encoding="utf-8"), encoding="utf-8")
        click.echo(f"wrote {target}")
    click.echo("next: put your items into data/, then `escalera doctor` and `escalera climb`")
    return 0
