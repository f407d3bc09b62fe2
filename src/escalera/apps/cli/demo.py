"""`escalera demo`: the running example, on a real (tiny) transformer, from start to decision."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

SHIPPED = ("escalera.toml", "data", "model", "README.md")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("escalera-demo"))
@click.pass_context
def command(context: click.Context, folder: Path) -> int:
    """Climb the running example in FOLDER; without a project file there, it is copied first.

    A shop's assistant gets three kinds of query. The base model with a good prompt is fine at two
    of them and poor at order changes; finetuning mends that and quietly breaks the others.
    """
    from escalera.apps.cli import climb

    if not (folder / "escalera.toml").exists():
        _copy(_example(), folder)
    code: int = context.invoke(climb.command, file=folder, json_=False)
    return code


def _example() -> Path:
    """The example as it ships: inside the wheel, or beside the source."""
    package = Path(__file__).resolve().parents[2]
    for place in (package / "example", package.parents[1] / "examples" / "support"):
        if (place / "escalera.toml").exists():
            return place
    raise click.ClickException(
        "the running example is not part of this installation: install escalera from its wheel"
    )


def _copy(example: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHIPPED:
        source = example / name
        if source.is_dir():
            shutil.copytree(source, folder / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, folder / name)
