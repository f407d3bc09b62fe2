"""`data stats --rephrasings`: questions of a project that are taught in other words."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from escalera import wiring
from escalera.core.evidence import fold
from escalera.engine import rephrasing
from escalera.ports import Progress


def suspected(file: Path, *, least: float, progress: Progress) -> dict[str, Any]:
    """Pairs of a taught and a tested item of the project *file*, with the cosine, nearest first,
    and how many items the endpoint would not read.

    Raises `InputError` kin for a wrong project, or one without a model for embeddings.
    """
    installation = wiring.install(file)
    with closing(installation.journal()) as journal:
        evidence = fold(journal.events())
        means = installation.means(journal, evidence, (), progress)
        found = rephrasing.find(installation.project, means, least=least)
    pairs = [
        {
            "id": one.taught.id,
            "input": one.taught.input,
            "like": {
                "id": one.tested.id,
                "split": one.tested.split,
                "input": one.tested.input,
            },
            "cosine": round(one.cosine, 4),
        }
        for one in found.pairs
    ]
    return {"pairs": pairs, "unread": found.unread}
