"""What jobs may cost: nothing is used that was not reserved, and what is left comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.domain.access import Account, Allowance, Key, TimeAllowance
from escalera.domain.job import Job, JobWish
from escalera.edges.gateway_store.jobs import SQLiteJobs
from escalera.engine.job_budget import Budget
from escalera.testing.gateway_stores import MemoryKeys

NOW = 1_800_000_000.0
KEY = Key(id="k", name="shop", digest=b"d", created=1.0, account="team")
JOB = Job(
    id="ftjob-1",
    wish=JobWish(model="small", training_file="f"),
    created=NOW,
    owner="team",
    key="k",
    began=NOW,
)


@pytest.fixture
def keys() -> MemoryKeys:
    """A key of an account, both without limits."""
    made = MemoryKeys()
    made.put(KEY)
    made.put(Account(name="team"))
    return made


@pytest.fixture
def budget(tmp_path: Path, keys: MemoryKeys) -> Iterator[Budget]:
    """A dollar an hour."""
    with closing(SQLiteJobs(tmp_path / "jobs.sqlite")) as queue:
        yield Budget(queue=queue, price=1_000_000, keys=keys, vault=keys)


def reserved(budget: Budget, seconds: float, job: Job = JOB) -> Job:
    found = budget.reserve(job, seconds, NOW)
    assert isinstance(found, Job)
    return found


def test_without_allowances_everything_may_be_reserved(budget: Budget):
    """And no money is held for it."""
    found = reserved(budget, 1e9)
    assert (found.reserved, found.held) == (1e9, ())
    assert budget.cost(1) == 278
    assert replace(budget, price=None).cost(1e9) == 0


@pytest.mark.parametrize("holder", ["key", "account"])
def test_minutes_are_kept_over_all_jobs(budget: Budget, keys: MemoryKeys, holder: str):
    """What other jobs took or hold is not there, what this one has is."""
    allowed = TimeAllowance(minutes=2, window="day")
    keys.put(replace(KEY, training=allowed) if holder == "key" else Account(name="team"))
    if holder == "account":
        keys.put(Account(name="team", training=allowed))
    other = replace(JOB, id="ftjob-2", seconds=30, reserved=50)
    yesterday = replace(JOB, id="ftjob-3", began=NOW - 86_400, seconds=1e6)
    own = replace(JOB, seconds=10, reserved=20)
    for one in (other, yesterday, own):
        budget.queue.add(one)
    assert reserved(budget, 70, own).reserved == 70
    said = budget.reserve(own, 71, NOW)
    assert isinstance(said, str)
    assert "has 1.17 of 2 minutes left (this day), and the job needs 1.18" in said


def test_money_is_leased_and_what_is_left_comes_back(budget: Budget, keys: MemoryKeys):
    """It is the same money that answers are paid of."""
    keys.put(replace(KEY, allowance=Allowance(micro_dollars=1_000_000)))
    found = reserved(budget, 1800)
    assert [one.micro_dollars for one in found.held] == [500_000]
    found = reserved(budget, 2700, found)
    assert [one.micro_dollars for one in found.held] == [500_000, 250_000]
    said = budget.reserve(found, 3601, NOW)
    assert said == ("the key 'k' has $0.2500 of $1.0000 left, and the job needs $0.2503 more")
    ended, returned = budget.settled(replace(found, seconds=2000))
    budget.give_back(returned, NOW)
    assert (ended.held, ended.reserved, ended.paid) == ((), 0.0, 555_556)
    standing = keys.standing("k", NOW)[0]
    assert (standing.taken, standing.spent) == (555_556, 555_556)
    again = reserved(budget, 2100, ended)
    assert sum(one.micro_dollars for one in again.held) == budget.cost(2100) - 555_556


def test_a_job_without_a_key_has_no_bounds(budget: Budget):
    """Where callers have no keys of their own, nobody counts."""
    assert reserved(budget, 5, replace(JOB, key="")).reserved == 5
    assert reserved(replace(budget, keys=None, vault=None), 5).reserved == 5
