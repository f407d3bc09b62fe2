"""The rungs as a project climbs them: their titles and what they keep say what is trained.

The table in `rungs` speaks of LoRA, the default. Where a project trains with DoRA, trains weights
of the model itself, or leaves the training to the model's provider, its rows say that instead. What
a journal has recorded stays as it was said then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from escalera.core.ladder import rungs
from escalera.core.ladder.rungs import Rung
from escalera.domain.levers import Method
from escalera.domain.project import Project, RungName

WAYS: Mapping[Method, str] = {
    "lora": "LoRA",
    "rslora": "rsLoRA",
    "dora": "DoRA",
    "partial": "Partial finetuning",
    "full": "Full finetuning",
}
"""What a title calls the methods of `[training.weights]`."""

HOSTED = "Finetuning by the provider"
"""What a title calls a training that the model's provider does."""


def rows(project: Project) -> tuple[Rung, ...]:
    """Every rung that there is for a project, bottom first, as it is climbed there.

    Full finetuning is no rung of its own where the rung before it trains all weights already.
    """
    left_out = "full" if _full_below(project) else ""
    return tuple(_said(row, project) for row in rungs.RUNGS if row.name != left_out)


def title(name: RungName, project: Project) -> str:
    """What a rung is called in a project."""
    return _said(rungs.rung(name), project).title


def made(project: Project) -> str:
    """One word or two for what a training leaves: an adapter, or a model."""
    return "adapter" if project.hosting is None and project.trainable.factors else "finetuned model"


# Below: private.


def _full_below(project: Project) -> bool:
    """Whether the rung below full finetuning trains all weights, so that there is none above."""
    trained = project.hosting is None and project.trainable.method == "full"
    return trained and "full" not in project.policy.rungs


def _said(row: Rung, project: Project) -> Rung:
    way = WAYS[project.trainable.method] if project.hosting is None else HOSTED
    one = made(project)
    match row.name:
        case "lora":
            return replace(
                row,
                title=f"{way} on the failing types",
                changes=row.changes.replace("an adapter", _a(one)),
                keeps=f"one {one}",
            )
        case "mixture":
            return replace(
                row,
                title=f"{way} on a mixture",
                changes=row.changes.replace("one adapter", f"one {one}"),
                keeps=f"one {one}",
            )
        case "merge" if one != "adapter":
            return replace(
                row,
                title="Merged models",
                changes="one model, merged from one per type",
                keeps="one model, and one per type to merge again",
            )
        case "route":
            return replace(
                row,
                changes=row.changes.replace("adapter", one),
                keeps=row.keeps.replace("adapter", one),
            )
        case _:
            return row


def _a(one: str) -> str:
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}"
