"""What the licences that are declared say of a finetuning job."""

from __future__ import annotations

from escalera.core.audit import licences
from escalera.core.audit.licences import Part
from escalera.domain.job import Job
from escalera.wiring import Installation

DECLARED = ("licence", "license")
"""What a job's metadata calls the licence of its training file."""


def words(made: Installation, job: Job) -> str:
    """The verdicts on base and data of *job*, in words; what nobody declared is asked about."""
    base = job.wish.model if job.recipe is None else job.recipe.model
    table = made.tables.models.get(base)
    said = next((job.wish.metadata[name] for name in DECLARED if name in job.wish.metadata), "")
    return licences.words(
        [
            Part(role="base", name=base, declared="" if table is None else table.licence),
            Part(role="data", name=job.wish.training_file, declared=said),
        ]
    )
