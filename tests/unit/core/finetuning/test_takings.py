"""Jobs that are taken up again: without end, unless nothing comes of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from escalera.core.finetuning import takings
from escalera.domain.job import Job, JobWish

JOB = Job(id="ftjob-1", wish=JobWish(model="m", training_file="f"), created=1.0)


@given(st.lists(st.integers(1, 5), max_size=50))
def test_a_job_that_gets_on_is_never_given_up(more: list[int]) -> None:
    """However often its workers die."""
    job, steps = JOB, 0
    for gained in more:
        job = takings.begun(job, steps=steps)
        assert not takings.hopeless(job, most=1)
        steps += gained


@given(most=st.integers(1, 6), steps=st.integers(0, 100))
def test_a_job_that_stays_where_it_is_is_given_up(most: int, steps: int) -> None:
    """After exactly as many deaths as it may have, in words that say where."""
    job = JOB
    for died in range(most + 1):
        job = takings.begun(job, steps=steps)
        assert bool(takings.hopeless(job, most=most)) == (died == most)
    said = takings.hopeless(job, most=most)
    assert ("once" if most == 1 else f"{most} times in a row") in said
    assert (f"behind step {steps}," in said) == (steps > 0)


def test_an_orderly_end_is_no_death_and_no_excuse() -> None:
    """It neither counts nor makes what was counted go away."""
    job = takings.begun(JOB, steps=3)
    for _ in range(9):
        job = takings.begun(takings.left(job), steps=3)
    assert job.fruitless == 1
    job = takings.begun(takings.left(takings.begun(job, steps=3)), steps=3)
    assert job.fruitless == 2
    assert takings.left(JOB).fruitless == 0


def test_something_that_is_kept_begins_the_count_anew() -> None:
    """Also where it is no step; a checkpoint that is lost does not."""
    job = takings.begun(takings.begun(JOB, steps=3), steps=3)
    assert takings.kept(job).fruitless == 0
    assert takings.begun(job, steps=0).fruitless == 3
    assert takings.begun(takings.begun(job, steps=0), steps=1).fruitless == 1
