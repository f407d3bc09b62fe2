"""A queue of jobs is worked off: checked, trained, paused, taken up again, ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.engine.workshops import CHAT, PLANNED, World, world

from escalera.domain.access import Key, TimeAllowance
from escalera.domain.job import Hyperparameters, JobOutcome
from escalera.engine.tuning import Foreman
from escalera.engine.workshop import Rules
from escalera.errors import InputError, StoreUnavailable, TrainingError
from escalera.testing.gateway_stores import MemoryKeys

pytestmark = pytest.mark.usefixtures("closed_stores")
LINES = [CHAT % n for n in range(5)]


def work(made: World, name: str = "here/1", stop: Any = lambda: False) -> bool:
    return Foreman(made.shop, name, stop).round()


def ready(folder: Path, **more: Any) -> World:
    """A world with a job of five lines."""
    made = world(folder, **more)
    made.job(made.file(folder, LINES))
    return made


def test_a_job_is_done_from_its_file_to_its_model(tmp_path: Path):
    """Checkpoints are published on the way; what it came to and cost is kept."""
    made = world(tmp_path)
    held = made.file(tmp_path, [CHAT % "held"])
    made.job(made.file(tmp_path, LINES), validation_file=held, suffix="x")
    assert work(made)
    job = made.now()
    assert (job.status, job.error, job.made) == ("succeeded", None, "ft:small:x:a1")
    assert (job.examples, job.tokens, job.starts, job.worker) == (5, 35, 1, "")
    assert job.outcome is not None
    assert job.outcome.trained_tokens == 10 * PLANNED
    assert job.joules is not None
    assert job.seconds > 0
    assert made.steps.taught == list(range(1, PLANNED + 1))
    names = ["ft:small:x:a1:ckpt-step-4", "ft:small:x:a1:ckpt-step-8", "ft:small:x:a1"]
    assert list(made.shelf.models) == names
    checkpoints = made.queue.checkpoints(job.id)
    assert [one.model for one in checkpoints] == names[::-1]
    assert checkpoints[0].metrics["full_valid_loss"] == pytest.approx(1 / 12)
    assert made.forgotten == [job.id]
    said = made.said()
    for part in (
        "Validating training file: file-1",
        "Files validated: 5 examples with 35 tokens, 1 to validate on.",
        "Fine-tuning job started",
        "Step 12/12: training loss=0.0833",
        "Epoch 3 of 3 is done",
        "It went well.",
        "The job has successfully completed",
    ):
        assert part in said
    rows = made.files.path(job.result_files[0]).read_text().splitlines()
    assert rows[4] == "4,0.250000,0.25,0.5"
    assert not work(made)


def test_a_file_that_cannot_be_taught_ends_the_job(tmp_path: Path):
    """Nothing is trained; every finding is in the result file."""
    made = world(tmp_path)
    made.job(made.file(tmp_path, [CHAT % "a", "{}", CHAT % "long"]))
    work(made)
    job = made.now()
    assert job.status == "failed"
    assert job.error is not None
    assert job.error[0] == "invalid_training_file"
    assert "line 2" in job.error[1]
    rows = made.files.path(job.result_files[0]).read_text().splitlines()
    assert [json.loads(row)["line"] for row in rows] == [2, 3]
    assert made.steps.taught == []
    assert job.seconds == 0


@pytest.mark.parametrize(
    ("rules", "wish", "code"),
    [
        (Rules(least_examples=6), {}, "invalid_training_file"),
        (Rules(least_examples=1, examples=4), {}, "invalid_training_file"),
        (Rules(least_examples=1, tokens=104), {}, "too_many_tokens"),
        (Rules(least_examples=1), {"validation_file": "gone"}, "invalid_file"),
    ],
)
def test_limits_are_kept_before_anything_is_spent(tmp_path: Path, rules, wish, code):
    """Examples, tokens over all epochs, and files that are there."""
    made = world(tmp_path, rules=rules)
    made.job(made.file(tmp_path, LINES), **wish)
    work(made)
    job = made.now()
    assert (job.status, job.error and job.error[0], job.seconds) == ("failed", code, 0)


def test_a_rate_is_looked_for_where_nobody_says_one(tmp_path: Path):
    """Each trial is kept: whoever takes the job up goes on behind it."""
    made = world(tmp_path)
    made.job(
        made.file(tmp_path, LINES),
        effort="normal",
        hyperparameters=Hyperparameters(learning_rate_multiplier=2.0),
    )
    stops = iter([False] * 6)
    assert work(made, stop=lambda: next(stops, True))
    first = made.now()
    assert first.status == "queued"
    assert 0 < len(first.tried) < 5
    work(made, "here/2")
    job = made.now()
    assert job.status == "succeeded"
    assert job.tried[: len(first.tried)] == first.tried
    assert job.recipe is not None
    assert job.recipe.levers.learning_rate == pytest.approx(2e-3)
    assert sum(one.startswith("Learning rate") for one in made.said()) == len(job.tried)


def test_a_job_fails_where_every_rate_diverges(tmp_path: Path):
    """In words."""
    made = world(tmp_path)
    made.steps.best = 0
    made.job(made.file(tmp_path, LINES), effort="normal")
    work(made)
    assert made.now().error is not None
    assert "diverged" in made.now().error[1]


@pytest.mark.parametrize(("wanted", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_what_is_wanted_is_done_at_the_next_step(tmp_path: Path, wanted: Any, status: str):
    """A pause keeps what it goes on from, the end does not."""
    made = ready(tmp_path)
    made.steps.behind = lambda n: (n == 5 and made.queue.want("ftjob-a1", wanted)) and None
    work(made)
    job = made.now()
    assert (job.status, made.steps.done) == (status, 5)
    assert (made.forgotten == []) == (wanted == "pause")
    assert (job.outcome is None) == (wanted == "pause")
    made.forgotten.clear()
    assert not work(made)
    assert made.forgotten == (["gone"] if wanted == "pause" else ["ftjob-a1", "gone"])
    if wanted == "pause":
        made.queue.move(job.id, ["paused"], "queued", now=1)
        work(made)
        assert made.now().status == "succeeded"
        assert made.steps.taught == list(range(1, PLANNED + 1))
        assert made.now().seconds > job.seconds


def test_a_worker_that_is_to_end_leaves_the_job_to_the_next(tmp_path: Path):
    """It waits in the queue, and is begun once more."""
    made = ready(tmp_path)
    work(made, stop=lambda: made.steps.done >= 6)
    assert (made.now().status, made.steps.done) == ("queued", 6)
    work(made, "here/2")
    assert (made.now().status, made.now().starts) == ("succeeded", 2)
    assert made.steps.taught == list(range(1, PLANNED + 1))
    assert next(iter(made.shelf.models)).endswith("ckpt-step-4")


def test_a_worker_that_lost_its_job_touches_nothing(tmp_path: Path):
    """Another one has it."""
    made = ready(tmp_path)

    def stolen(step: int) -> None:
        if step == 3:
            made.queue.take("there/1", ["queued"], "running", now=1e12, silent=0)

    made.steps.behind = stolen
    work(made)
    job = made.now()
    assert (job.status, job.worker, made.steps.done) == ("running", "there/1", 3)
    assert made.shelf.models == {}


def test_new_files_are_checked_while_a_job_runs(tmp_path: Path):
    """Nobody waits for hours to hear of a broken line."""
    made = ready(tmp_path)
    bad = made.file(tmp_path, ["{}"])

    def another(step: int) -> None:
        if step == 2:
            job = made.now()
            made.queue.add(
                type(job)(
                    id="ftjob-b2",
                    wish=type(job.wish)(model="small", training_file=bad),
                    created=2.0,
                    owner="team",
                )
            )
        if step == 8:
            found = made.queue.get("ftjob-b2")
            assert found is not None
            assert found.status == "failed"

    made.steps.behind = another
    work(made)
    assert made.now().status == "succeeded"


def test_minutes_are_never_exceeded_by_more_than_a_step(tmp_path: Path):
    """The job pauses in words, and goes on when there are more."""
    keys = MemoryKeys()
    key = Key(id="k", name="shop", digest=b"d", created=1.0, account="team")
    keys.put(key)
    made = ready(tmp_path, keys=keys)
    keys.put(Key(id="k", name="shop", digest=b"d", created=1.0, training=TimeAllowance(minutes=1)))
    work(made)
    job = made.now()
    assert job.status == "paused"
    assert job.seconds <= 60
    assert "has 1.00 of 1 minutes left (in all)" in made.said()[-1]
    keys.put(key)
    made.queue.move(job.id, ["paused"], "queued", now=1)
    work(made)
    assert made.now().status == "succeeded"


def test_a_job_may_take_so_many_minutes(tmp_path: Path):
    """Then it is paused as well."""
    made = ready(tmp_path, rules=Rules(least_examples=1, minutes=0.3))
    work(made)
    assert made.now().status == "paused"
    assert "used up the 0.3 minutes" in made.said()[-1]


@pytest.mark.parametrize(
    ("error", "code"),
    [(TrainingError("the loss became nan"), "training_failed"), (InputError("no"), "job_failed")],
)
def test_what_goes_wrong_ends_the_job_in_words(tmp_path: Path, error: Exception, code: str):
    """The next job is not kept waiting."""
    made = ready(tmp_path)

    def fail(_: int) -> None:
        raise error

    made.steps.behind = fail
    assert work(made)
    assert made.now().error == (code, str(error), "")
    assert made.now().finished is not None


def test_a_fault_of_ours_is_not_told_to_callers(tmp_path: Path):
    """It ends the job, so that it is not begun for ever, and goes on to the operator."""
    made = ready(tmp_path)

    def fail(_: int) -> None:
        raise ZeroDivisionError("secret")

    made.steps.behind = fail
    with pytest.raises(ZeroDivisionError):
        work(made)
    assert made.now().status == "failed"
    assert "secret" not in str(made.now().error)


def test_a_store_that_is_down_ends_nothing(tmp_path: Path):
    """The job is taken up when it is there again."""
    made = ready(tmp_path)

    def fail(_: int) -> None:
        raise StoreUnavailable(store="x", problem="is down", remedy="Wait")

    made.steps.behind = fail
    with pytest.raises(StoreUnavailable):
        work(made)
    assert made.now().status == "running"
    made.steps.behind = lambda _: None
    work(made, "here/2")
    assert made.now().status == "succeeded"


def test_a_gate_that_cannot_be_asked_keeps_what_was_trained(tmp_path: Path):
    """The job is paused, and asks again when it is resumed."""
    made = ready(tmp_path)
    asked: list[int] = []

    def conclude(job: Any, run: Any, *, pairs: Any, adapter: str) -> JobOutcome:
        asked.append(run.steps)
        if len(asked) == 1:
            raise InputError("the judge is away")
        return JobOutcome(gate="failed")

    object.__setattr__(made.shop, "concluding", lambda _: conclude)
    work(made)
    assert made.now().status == "paused"
    assert "the judge is away" in made.said()[-1]
    made.queue.move("ftjob-a1", ["paused"], "queued", now=1)
    work(made)
    assert made.now().status == "succeeded"
    assert made.steps.taught == list(range(1, PLANNED + 1))
    assert made.shelf.models["ft:small::a1"].gate == "failed"


def test_a_job_that_is_cancelled_at_the_very_end_is_cancelled(tmp_path: Path):
    """Its caller was told so; the model is not left on the shelf."""
    made = ready(tmp_path)

    def words(_: JobOutcome) -> list[Any]:
        made.queue.want("ftjob-a1", "cancel")
        return []

    object.__setattr__(made.shop, "words", words)
    work(made)
    assert made.now().status == "cancelled"
    assert "ft:small::a1" not in made.shelf.models


class Killed(BaseException):
    """As SIGKILL: nothing is said, and nothing is kept of what was not kept before."""


def test_a_job_on_which_workers_die_is_given_up(tmp_path: Path):
    """It fails in words, and the next job is worked on; what was counted outlives the workers."""
    made = ready(tmp_path)

    def die(step: int) -> None:
        if step == 5:
            made.steps.done -= 1
            raise Killed

    made.steps.behind = die
    for worker in range(4):  # four steps are kept of the first
        with pytest.raises(Killed):
            work(made, f"here/{worker}")
        assert made.now().status == "running"
    assert work(made, "here/4")
    job = made.now()
    assert (job.status, job.starts, made.steps.done) == ("failed", 5, 4)
    assert job.error is not None
    assert job.error[0] == "worker_died"
    assert "died 3 times in a row behind step 4" in job.error[1]
    assert made.said()[-1] == job.error[1]
    assert made.forgotten == [job.id]


def test_a_job_that_gets_on_is_taken_up_without_end(tmp_path: Path):
    """A worker that dies behind every step still comes to the end."""
    made = world(tmp_path, rules=Rules(least_examples=2, attempts=1))
    made.job(made.file(tmp_path, LINES))

    def die(_: int) -> None:
        raise Killed

    made.steps.behind = die
    deaths = 0
    while made.now().status != "succeeded":
        try:
            work(made, f"here/{deaths}")
        except Killed:
            deaths += 1
    assert deaths == PLANNED
    assert made.steps.taught == list(range(1, PLANNED + 1))


def test_answers_of_a_gate_are_something_that_is_kept(tmp_path: Path):
    """A gate that takes long is not given up while it gets on."""
    made = world(tmp_path, rules=Rules(least_examples=2, attempts=2))
    made.job(made.file(tmp_path, LINES))
    answered = 0

    def concluding(progress: Any) -> Any:
        def conclude(*_: Any, **__: Any) -> JobOutcome:
            nonlocal answered
            if answered < 6:
                answered += 1
                if answered % 2:
                    progress("asked", 1, 2)
                raise Killed
            return JobOutcome()

        return conclude

    object.__setattr__(made.shop, "concluding", concluding)
    for worker in range(6):
        with pytest.raises(Killed):
            work(made, f"here/{worker}")
    work(made)
    assert made.now().status == "succeeded"


def test_files_on_which_workers_die_are_given_up(tmp_path: Path):
    """Before anything is trained."""
    made = ready(tmp_path)
    sizes = made.steps.sizes

    def die(*_: Any) -> Any:
        raise Killed

    object.__setattr__(made.steps, "sizes", die)
    for worker in range(3):
        with pytest.raises(Killed):
            work(made, f"here/{worker}")
    object.__setattr__(made.steps, "sizes", sizes)
    work(made)
    job = made.now()
    assert (job.status, job.error and job.error[0], job.starts) == ("failed", "worker_died", 0)
    assert "3 times in a row at once" in made.said()[-1]


def test_bounds_that_come_later_leave_nothing_out(tmp_path: Path):
    """A job that was accepted is taught all of its examples, or it would be another one."""
    made = ready(tmp_path)
    work(made, stop=lambda: made.steps.done >= 4)
    object.__setattr__(made.shop, "rules", Rules(least_examples=9, examples=2))
    taught: list[int] = []
    train = made.steps.train

    def counted(recipe: Any, pairs: Any, **more: Any) -> Any:
        taught.append(len(pairs))
        return train(recipe, pairs, **more)

    object.__setattr__(made.steps, "train", counted)
    work(made, "here/2")
    assert made.now().status == "succeeded"
    assert set(taught) == {5}
