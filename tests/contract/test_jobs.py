"""What every queue of finetuning jobs must do, and what the one on disk must survive."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from escalera.domain.job import (
    GateWord,
    HeldMoney,
    Job,
    JobCheckpoint,
    JobEvent,
    JobOutcome,
    JobWish,
    TypeVerdict,
)
from escalera.domain.levers import Hyperparameters, Levers, Trainable
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import Prompt
from escalera.domain.training import RateTried
from escalera.edges.gateway_store.jobs import SQLiteJobs
from escalera.ports.jobs import JobQueue

NOW = 1_800_000_000.0
WISH = JobWish(
    model="small",
    training_file="file-1",
    validation_file="file-2",
    objective="preference",
    hyperparameters=Hyperparameters(n_epochs=2, learning_rate_multiplier=0.5),
    suffix="the 'shop'",
    seed=7,
    metadata={"team": 'é "x"', "empty": ""},
    gate=("orders",),
    effort="pilot",
    trainable=Trainable(rank=4),
)
GATE: GateWord = "inconclusive"


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SQLiteJobs]:
    """Every implementation, empty."""
    with closing(SQLiteJobs(tmp_path / "s" / "jobs.sqlite")) as made:
        yield made


def job(number: int, *, owner: str = "key_1", **more: Any) -> Job:
    made = Job(id=f"ftjob-{number}", wish=WISH, created=NOW + number, owner=owner, status="queued")
    return replace(made, **more)


def taken(queue: JobQueue, worker: str = "here/1", now: float = NOW, silent: float = 30) -> str:
    found = queue.take(worker, ["queued"], "running", now=now, silent=silent)
    return "" if found is None else found.id


def test_a_job_comes_back_as_it_was_put(queue: JobQueue) -> None:
    """With everything that is known of it."""
    recipe = TrainingRecipe(
        model="small",
        revision="r",
        ingredients=(Ingredient(task="", prompt=Prompt(), examples=3, data="d"),),
        trainable=Trainable(),
        levers=Levers(learning_rate=None),
    )
    whole = job(
        1,
        key="key_1",
        recipe=recipe,
        tried=(RateTried(question="q", rate=0.1, share=0.5, loss=None, tokens=3, seconds=0.1),),
        held=(HeldMoney(micro_dollars=5, key_period="total", account_period=""),),
        error=("code", "words", "training_file"),
        outcome=JobOutcome(
            gate=GATE, verdicts=(TypeVerdict(task="orders", word="no", said="why"),), joules=3.5
        ),
        result_files=("file-3",),
    )
    queue.add(whole)
    assert queue.get("ftjob-1") == whole
    assert queue.get("ftjob-2") is None


def test_pages_are_newest_first_and_of_one_owner(queue: JobQueue) -> None:
    """A page begins behind the job that is named; what is not there has nothing behind it."""
    for number in range(5):
        queue.add(job(number, owner="a" if number % 2 else "b"))
    assert [one.id for one in queue.all(owner=None, limit=2)] == ["ftjob-4", "ftjob-3"]
    assert [one.id for one in queue.all(owner="b", after="ftjob-4")] == ["ftjob-2", "ftjob-0"]
    assert list(queue.all(owner=None, after="ftjob-9")) == []
    assert (queue.waiting("a"), queue.waiting("b"), queue.waiting("c")) == (2, 3, 0)
    queue.move("ftjob-0", ["queued"], "cancelled", now=NOW)
    assert queue.waiting("b") == 2


def test_how_many_there_are_is_told(queue: JobQueue) -> None:
    """By their status, the ended ones too."""
    assert queue.standing() == {}
    for number in range(3):
        queue.add(job(number))
    queue.move("ftjob-1", ["queued"], "cancelled", now=NOW)
    assert queue.standing() == {"queued": 2, "cancelled": 1}


def test_jobs_are_found_by_their_metadata(queue: JobQueue) -> None:
    """All that is asked for, to the letter; nothing stands for jobs without any."""
    queue.add(job(1))
    queue.add(job(2, wish=replace(WISH, metadata={})))

    def found(metadata: dict[str, str] | None) -> list[str]:
        return [one.id for one in queue.all(owner=None, metadata=metadata)]

    assert found({"team": 'é "x"', "empty": ""}) == ["ftjob-1"]
    assert found({"team": "other"}) == found({"absent": ""}) == []
    assert found({}) == ["ftjob-2"]
    assert found(None) == ["ftjob-2", "ftjob-1"]


def test_a_status_moves_only_from_where_it_may(queue: JobQueue) -> None:
    """Two that want different things of a job cannot both have them."""
    queue.add(job(1))
    ended = queue.move("ftjob-1", ["queued", "paused"], "cancelled", now=NOW + 9)
    assert ended is not None
    assert (ended.status, ended.finished) == ("cancelled", NOW + 9)
    assert queue.move("ftjob-1", ["queued"], "paused", now=NOW) is None
    assert queue.want("ftjob-1", "cancel") is None
    assert queue.get("ftjob-1") == ended


def test_the_oldest_is_taken_by_one_worker(queue: JobQueue) -> None:
    """And is told of what is wanted of it, until it is done."""
    queue.add(job(1))
    queue.add(job(2, status="paused"))
    queue.add(job(3))
    assert [taken(queue), taken(queue, "there/1"), taken(queue, "there/1")] == [
        "ftjob-1",
        "ftjob-3",
        "",
    ]
    assert queue.beat("ftjob-1", "here/1", now=NOW + 5, seconds=4.5) == ""
    wanted = queue.want("ftjob-1", "pause")
    assert wanted is not None
    assert (wanted.wanted, wanted.seconds, wanted.beat, wanted.starts) == ("pause", 4.5, NOW + 5, 1)
    assert queue.beat("ftjob-1", "here/1", now=NOW + 6, seconds=5) == "pause"
    assert queue.beat("ftjob-1", "there/1", now=NOW, seconds=0) is None
    assert queue.keep(replace(wanted, status="paused", seconds=5), worker="here/1")
    found = queue.get("ftjob-1")
    assert found is not None
    assert (found.status, found.wanted, found.worker, found.seconds) == ("paused", "", "", 5)
    assert not queue.keep(found, worker="here/1")


def test_what_is_kept_does_not_lose_what_is_wanted(queue: JobQueue) -> None:
    """A caller may ask for a pause while the worker writes."""
    queue.add(job(1))
    found = queue.take("here/1", ["queued"], "running", now=NOW, silent=30)
    assert found is not None
    queue.want("ftjob-1", "cancel")
    assert queue.keep(replace(found, made="ft:x"), worker="here/1")
    assert queue.beat("ftjob-1", "here/1", now=NOW, seconds=0) == "cancel"
    assert not queue.keep(replace(found, status="succeeded"), worker="here/1")
    assert queue.keep(replace(found, status="cancelled"), worker="here/1")


def test_a_job_whose_worker_was_killed_is_taken_up(queue: JobQueue) -> None:
    """At once by the next worker of that machine, elsewhere when nothing was heard for a while."""
    queue.add(job(1))
    queue.add(job(2))
    assert taken(queue, "here/1") == "ftjob-1"
    assert taken(queue, "there/1", now=NOW + 29) == "ftjob-2"
    assert taken(queue, "there/2", now=NOW + 29) == "ftjob-2"
    assert taken(queue, "here/2", now=NOW + 29) == "ftjob-1"
    assert queue.beat("ftjob-1", "here/1", now=NOW, seconds=0) is None
    assert taken(queue, "there/3", now=NOW + 29) == "ftjob-2"
    assert taken(queue, "far/1", now=NOW + 60) == "ftjob-1"
    found = queue.get("ftjob-1")
    assert found is not None
    assert found.starts == 3


def test_seconds_are_counted_by_key_and_account(queue: JobQueue) -> None:
    """What runs counts with all that is reserved for it; what has not begun does not count."""
    queue.add(job(1, owner="team", key="k1", began=NOW, seconds=5, reserved=60))
    queue.add(job(2, owner="team", key="k2", began=NOW - 100, seconds=7))
    queue.add(job(3, owner="k3", key="k3", began=NOW, seconds=11))
    queue.add(job(4, owner="team", key="k1"))
    asked = ["key:k1", "key:k2", "account:team", "key:k3", "account:k3"]
    found = queue.spent(asked, since=NOW)
    assert found == {
        "key:k1": 60,
        "key:k2": 0,
        "account:team": 60,
        "key:k3": 11,
        "account:k3": 0,
    }
    assert queue.spent(["account:team"], since=0) == {"account:team": 67}


def test_events_and_checkpoints_come_once_and_in_pages(queue: JobQueue) -> None:
    """A step that is done again after a crash tells what it told before: that is kept once."""
    told = [
        JobEvent(id=f"e{n}", job="j" if n < 4 else "k", created=NOW, message=f"step {n}")
        for n in range(5)
    ]
    queue.tell(told[:2])
    queue.tell(told)
    assert list(queue.events("j", limit=2)) == [told[3], told[2]]
    assert list(queue.events("j", after="e2")) == [told[1], told[0]]
    assert list(queue.later("j", after="e1")) == [told[2], told[3]]
    assert list(queue.later("j", limit=1)) == [told[0]]
    made = [
        JobCheckpoint(
            id=f"c{n}", job="j", created=NOW, step=n, model=f"m{n}", metrics={"valid_loss": 0.5}
        )
        for n in range(3)
    ]
    for one in (*made, made[0]):
        queue.mark(one)
    assert list(queue.checkpoints("j", limit=2)) == [made[2], made[1]]
    assert list(queue.checkpoints("j", after="c1")) == [made[0]]


def _take(file: Path, worker: int, found: multiprocessing.Queue[str]) -> None:
    with closing(SQLiteJobs(file)) as queue:
        while one := taken(queue, f"machine{worker}/1"):
            found.put(one)


def test_processes_never_share_a_job(tmp_path: Path) -> None:
    """Each is taken once, whoever asks at the same moment."""
    file = tmp_path / "jobs.sqlite"
    with closing(SQLiteJobs(file)) as queue:
        for number in range(30):
            queue.add(job(number))
    context = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[str] = context.Queue()
    workers = [context.Process(target=_take, args=(file, n, found)) for n in range(3)]
    for one in workers:
        one.start()
    ids = [found.get(timeout=60) for _ in range(30)]
    for one in workers:
        one.join(60)
    assert sorted(ids) == sorted(f"ftjob-{number}" for number in range(30))
