"""The routes of finetuning jobs, called in this process."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.engine.workshops import Shelves

from escalera.apps.gateway import jobs
from escalera.apps.gateway.admitting import OneKey
from escalera.apps.gateway.app import Setup, application
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.jobs import Office
from escalera.domain.access import Key
from escalera.domain.job import Job, JobCheckpoint, JobEvent, JobWish, Origin, Published
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.stored_file import Purpose, StoredFile
from escalera.edges.gateway_store.jobs import SQLiteJobs
from escalera.engine.serve import Desk

JOBS = "/v1/fine_tuning/jobs"
WISH = {"model": "small", "training_file": "file-train"}


class Files:
    """Three files, of the account `team`; the rest of the port is not asked for."""

    def get(self, id_: str) -> StoredFile | None:
        kinds: dict[str, Purpose] = {"file-train": "fine-tune", "file-batch": "batch"}
        if id_ not in kinds:
            return None
        return StoredFile(
            id=id_, name="x", purpose=kinds[id_], size=1, digest="d", created=1, owner="team"
        )


class Keys(OneKey):
    """Every token is a key of that name: `team` is an account's, `narrow` may ask `other` only."""

    def known(self, token: bytes) -> Caller:
        name = token.decode()
        account = "" if name == "stranger" else "team"
        models = ("other",) if name == "narrow" else ()
        return Caller(
            Key(id=name, name=name, digest=b"", created=0, account=account, models=models), None
        )


class Calls:
    """Calls of a gateway with an office."""

    def __init__(self, queue: SQLiteJobs) -> None:
        count = itertools.count(1)
        self.queue, self.shelf = queue, Shelves()
        office = Office(
            queue=queue,
            files=Files(),
            shelf=self.shelf,
            models=lambda: ("small", "large"),
            tasks=lambda: ("orders",),
            most=lambda: 2,
            name=lambda: f"ftjob-{next(count)}",
            draw=lambda: 77,
            now=lambda: 1000.5,
        )
        desk = Desk(label="x", route=None, models={}, infer=None)
        self.offered = True
        room = jobs.room(lambda: office if self.offered else None)
        setup = Setup(entrance=Keys(None), rooms=[room])
        self.app = application(desk, api_key=None, now=lambda: 1.0, setup=setup)

    def __call__(
        self, method: str, path: str = "", key: str = "shop", **more: Any
    ) -> httpx2.Response:
        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            headers = {"authorization": f"Bearer {key}", **more.pop("headers", {})}
            async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(method, JOBS + path, headers=headers, **more)

        return asyncio.run(send())

    def make(self, **more: Any) -> httpx2.Response:
        return self("POST", json={**WISH, **more})

    def status(self, id_: str) -> str:
        return str(self("GET", f"/{id_}").json()["status"])


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    """A gateway over an empty queue."""
    with closing(SQLiteJobs(tmp_path / "jobs.sqlite")) as queue:
        yield Calls(queue)


def error(reply: httpx2.Response) -> tuple[int, str, str]:
    found = reply.json()["error"]
    return reply.status_code, found["code"], found["param"]


def test_a_job_is_made_and_looked_at(calls: Calls):
    """By whoever shares the account, and by nobody else."""
    made = calls.make(suffix="x", metadata={"a": "b"})
    assert made.status_code == 200
    told = made.json()
    assert (told["id"], told["status"], told["seed"]) == ("ftjob-1", "validating_files", 77)
    assert calls("GET", "/ftjob-1", key="colleague").json() == told
    assert error(calls("GET", "/ftjob-1", key="stranger"))[:2] == (404, "not_found")
    assert calls("GET", "", key="stranger").json()["data"] == []
    assert [one["id"] for one in calls("GET").json()["data"]] == ["ftjob-1"]
    (event,) = calls("GET", "/ftjob-1/events").json()["data"]
    assert event["message"] == "Created fine-tuning job: ftjob-1"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"model": "huge"}, (404, "model_not_found", "model")),
        ({"training_file": "file-x"}, (400, "invalid_file", "training_file")),
        ({"training_file": "file-batch"}, (400, "invalid_file", "training_file")),
        ({"validation_file": "file-x"}, (400, "invalid_file", "validation_file")),
        ({"escalera": {"gate": ["x"]}}, (400, None, "escalera.gate")),
        ({"x": "y" * 70_000}, (413, "body_too_large", None)),
    ],
)
def test_what_cannot_be_done_is_not_queued(calls: Calls, more: Any, expected: Any):
    """A model, a file or a task that is not there, or too much of anything."""
    assert error(calls.make(**more)) == expected
    assert calls.queue.all(owner=None) == []


def taught(calls: Calls, name: str, base: str, trainable: Trainable) -> str:
    """A finetuned model on the shelf, by a job of its own."""
    recipe = TrainingRecipe(
        model=base, revision="r", ingredients=(), trainable=trainable, levers=Levers()
    )
    wish = JobWish(model=base, training_file="file-train")
    calls.queue.add(Job(id=f"ftjob-of-{name}", wish=wish, created=1, recipe=recipe))
    model = f"ft:{base}::{name}"
    calls.shelf.publish(
        Published(
            name=model,
            base=base,
            revision="r",
            adapter="a" * 64,
            job=f"ftjob-of-{name}",
            created=1,
            owner="team",
        )
    )
    return model


def test_a_finetuned_model_is_finetuned_further(calls: Calls):
    """What it is made of is settled at once: its name may be withdrawn then."""
    model = taught(calls, "1", "small", Trainable(rank=4, alpha=8))
    made = calls.make(model=model)
    assert (made.status_code, made.json()["model"]) == (200, model)
    calls.shelf.withdraw(model)
    job = calls.queue.get("ftjob-1")
    assert job is not None
    assert job.wish.trainable == Trainable(rank=4, alpha=8)
    assert job.wish.origin == Origin(base="small", revision="r", adapter="a" * 64, job="ftjob-of-1")
    assert error(calls.make(model=model)) == (404, "model_not_found", "model")


@pytest.mark.parametrize(
    ("base", "trainable", "key", "expected"),
    [
        ("small", {"method": "full"}, "shop", (400, "invalid_model", "escalera.trainable")),
        ("small", {"rank": 2}, "shop", (400, "invalid_model", "escalera.trainable")),
        ("huge", None, "shop", (404, "model_not_found", "model")),
        ("small", None, "stranger", (404, "model_not_found", "model")),
        ("small", None, "narrow", (403, "model_not_allowed", "model")),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused(
    calls: Calls, base: str, trainable: Any, key: str, expected: Any
):
    """Another kind of weights, a base that is not offered any more, or somebody else's model."""
    model = taught(calls, "1", base, Trainable())
    more = {} if trainable is None else {"escalera": {"trainable": trainable}}
    assert error(calls("POST", key=key, json={**WISH, "model": model, **more})) == expected


def test_a_key_may_finetune_only_what_it_may_ask(calls: Calls):
    """And nobody may use another's file."""
    narrow = calls("POST", key="narrow", json=WISH)
    assert error(narrow) == (403, "model_not_allowed", "model")
    stranger = calls("POST", key="stranger", json=WISH)
    assert error(stranger) == (400, "invalid_file", "training_file")


def test_an_owner_may_have_so_many_jobs_waiting(calls: Calls):
    """One that ended makes room."""
    assert [calls.make().status_code for _ in range(3)] == [200, 200, 429]
    calls("POST", "/ftjob-1/cancel")
    assert calls.make().status_code == 200


def test_jobs_come_in_pages_and_by_metadata(calls: Calls):
    """As the client asks for them."""
    calls.make(metadata={"a": "1"})
    calls.make()
    first = calls("GET", params={"limit": 1}).json()
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (["ftjob-2"], True)
    after = calls("GET", params={"after": first["last_id"]}).json()
    assert ([one["id"] for one in after["data"]], after["has_more"]) == (["ftjob-1"], False)
    found = calls("GET", params={"metadata[a]": "1"}).json()["data"]
    assert [one["id"] for one in found] == ["ftjob-1"]
    bare = calls("GET", params={"metadata": "null"}).json()["data"]
    assert [one["id"] for one in bare] == ["ftjob-2"]


def test_a_waiting_job_is_paused_resumed_and_cancelled(calls: Calls):
    """It goes back to where it was; what does not fit its status is refused."""
    calls.make()
    assert error(calls("POST", "/ftjob-1/resume"))[1] == "invalid_job_status"
    assert calls("POST", "/ftjob-1/pause").json()["status"] == "paused"
    assert error(calls("POST", "/ftjob-1/pause"))[1] == "invalid_job_status"
    assert calls("POST", "/ftjob-1/resume").json()["status"] == "validating_files"
    assert calls("POST", "/ftjob-1/cancel").json()["status"] == "cancelled"
    assert calls.status("ftjob-1") == "cancelled"
    for act in ("cancel", "pause", "resume"):
        assert error(calls("POST", f"/ftjob-1/{act}"))[1] == "invalid_job_status"
        assert error(calls("POST", f"/ftjob-9/{act}"))[0] == 404


def test_a_running_job_is_told_to_stop(calls: Calls):
    """The caller sees it at once; the worker reads what is wanted at its next step."""
    calls.make()
    calls.queue.move("ftjob-1", ["validating_files"], "queued", now=1)
    calls.queue.take("here/1", ["queued"], "running", now=1, silent=1)

    def wanted() -> str | None:
        return calls.queue.beat("ftjob-1", "here/1", now=1, seconds=1)

    assert calls("POST", "/ftjob-1/pause").json()["status"] == "paused"
    assert wanted() == "pause"
    assert calls("POST", "/ftjob-1/resume").json()["status"] == "running"
    assert wanted() == ""
    assert calls("POST", "/ftjob-1/cancel").json()["status"] == "cancelled"
    assert wanted() == "cancel"


def test_events_are_followed_to_the_end(calls: Calls):
    """In the order in which they came, behind the one that is named."""
    calls.make()
    more = [JobEvent(id=f"e{n}", job="ftjob-1", created=1, message=f"m{n}") for n in range(3)]
    calls.queue.tell(more)
    calls.queue.move("ftjob-1", ["validating_files"], "failed", now=1)
    reply = calls("GET", "/ftjob-1/events", params={"stream": "true", "after": "e0"})
    assert reply.headers["content-type"].startswith("text/event-stream")
    *told, last = [part.removeprefix("data: ") for part in reply.text.split("\n\n") if part]
    assert [json.loads(one)["id"] for one in told] == ["e1", "e2"]
    assert last == "[DONE]"
    newest = calls("GET", "/ftjob-1/events", params={"limit": 2}).json()
    assert ([one["id"] for one in newest["data"]], newest["has_more"]) == (["e2", "e1"], True)


def test_checkpoints_are_listed(calls: Calls):
    """Newest first."""
    calls.make()
    for step in (1, 2):
        calls.queue.mark(
            JobCheckpoint(id=f"c{step}", job="ftjob-1", created=1, step=step, model=f"m{step}")
        )
    found = calls("GET", "/ftjob-1/checkpoints").json()["data"]
    assert [one["fine_tuned_model_checkpoint"] for one in found] == ["m2", "m1"]


def test_other_sites_cannot_ask_an_open_gateway(calls: Calls):
    """A browser would ask in the name of whoever looks at the page."""
    reply = calls("POST", json=WISH, headers={"origin": "https://elsewhere.example"})
    assert reply.status_code == 403


def test_jobs_are_offered_as_long_as_the_project_says_so(calls: Calls):
    """Another configuration may begin with them, or end them; what there is stays."""
    calls.offered = False
    assert error(calls.make()) == (404, "not_offered", None)
    assert error(calls("GET"))[1] == "not_offered"
    calls.offered = True
    assert calls.make().status_code == 200
    calls.offered = False
    assert error(calls("GET", "/ftjob-1"))[1] == "not_offered"
    calls.offered = True
    assert calls.status("ftjob-1") == "validating_files"
