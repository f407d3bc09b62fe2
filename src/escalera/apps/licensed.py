"""What the licences that are declared say of a finetuning job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from escalera.core.audit import licences
from escalera.core.audit.licences import Part
from escalera.domain.job import Job, JobWish
from escalera.wiring import Installation, stores

DECLARED = ("licence", "license")
"""What a job's metadata calls the licence of its training file."""


def words(made: Installation, job: Job) -> str:
    """The verdicts on base and data of *job*, in words; what nobody declared is asked about.

    What a finetuned model was taught before it was gone on from is data of the job as well.
    """
    base = job.wish.base if job.recipe is None else job.recipe.model
    table = made.tables.models.get(base)
    return licences.words(
        [
            Part(role="base", name=base, declared="" if table is None else table.licence),
            *_data(job.wish, _known(made)),
        ]
    )


# Below: private.


def _data(wish: JobWish, known: Callable[[str], JobWish | None]) -> Iterator[Part]:
    """What was taught, by the jobs one after the other, the last one first."""
    while True:
        said = next((wish.metadata[name] for name in DECLARED if name in wish.metadata), "")
        yield Part(role="data", name=wish.training_file, declared=said)
        if wish.origin is None:
            return
        before = known(wish.origin.job)
        if before is None:
            yield Part(role="data", name=f"what {wish.model} was taught", declared="")
            return
        wish = before


def _known(made: Installation) -> Callable[[str], JobWish | None]:
    def wish(id_: str) -> JobWish | None:
        with closing(stores.at(made.state).jobs()) as queue:
            found = queue.get(id_)
        return None if found is None else found.wish

    return wish
