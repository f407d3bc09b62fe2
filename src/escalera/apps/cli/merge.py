"""`escalera merge`: models merged as a file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from escalera.apps.cli import bar, options

if TYPE_CHECKING:
    from escalera.core.merging.compiling import MergedModel, Plan


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="The folder that is written.")
@click.option(
    "--plan", "plan_only", is_flag=True, help="Check everything and say what would be written."
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads that compute; by default one for each processor, at most 16.",
)
@click.option(
    "--device",
    help="A GPU by PyTorch's name, such as cuda, that computes in place of the processor.",
)
@click.option(
    "--shard-size",
    type=options.Between(min=0.001),
    default=5.0,
    show_default=True,
    help="Gigabytes of weights in one file.",
)
@options.as_json
def command(  # noqa: PLR0913  one parameter per option
    recipe: Path,
    into: Path | None,
    plan_only: bool,  # noqa: FBT001
    threads: int | None,
    device: str | None,
    shard_size: float,
    json_: bool,  # noqa: FBT001
) -> None:
    """Merge models, or LoRA adapters, as RECIPE says: a TOML file, or one of mergekit as it is.

    Weights are read and written as a stream, in little memory. A merge that was killed
    goes on when the same command is given again; one that fails leaves nothing behind.
    """
    from escalera import merging

    if (into is None) is not plan_only:
        raise click.UsageError("Give either --into DIR or --plan.")
    if into is None:
        planned = merging.plan(recipe)
        click.echo(json.dumps(_planned(planned), indent=2) if json_ else _told(planned))
        return
    with bar.shown(quiet=json_) as progressed:
        found = merging.merge(
            recipe,
            into=into,
            threads=threads,
            device=device,
            shard=round(shard_size * 1e9),
            progress=progressed,
        )
    click.echo(json.dumps(_merged(found), indent=2) if json_ else _said(found))


# Below: private.


def _planned(plan: Plan) -> dict[str, object]:
    return {
        "plan": plan.digest,
        "method": plan.recipe.method,
        "tensors": len(plan.tasks),
        "bytes": plan.bytes,
        "tokenizer": plan.owner,
        "notes": list(plan.notes),
    }


def _merged(found: MergedModel) -> dict[str, object]:
    return {
        "folder": str(found.folder),
        "plan": found.digest,
        "tensors": found.tensors,
        "bytes": found.bytes,
        "resumed": found.resumed,
        "rounding": found.rounding,
        "error": found.error,
        "notes": list(found.notes),
    }


def _told(plan: Plan) -> str:
    lines = [
        f"{plan.recipe.method}: {len(plan.tasks)} tensors, {plan.bytes / 1e9:.2f} GB; "
        f"tokenizer and configuration of {plan.owner}",
        *(f"note: {note}" for note in plan.notes),
    ]
    return "\n".join(lines)


def _said(found: MergedModel) -> str:
    lines = [
        f"{found.folder}: {found.tensors} tensors, {found.bytes / 1e9:.2f} GB, "
        f"plan {found.digest[:12]}"
    ]
    if found.resumed:
        lines.append(f"{found.resumed} tensors were there from an earlier run")
    if found.rounding is not None:
        lines.append(f"rounding took {found.rounding:.1%} of what was changed in the base")
    if found.error is not None:
        lines.append(f"the rank cuts off {found.error:.1%} of the merged change")
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)])
