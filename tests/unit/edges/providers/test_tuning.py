"""Jobs at a provider over real connections: one for a recipe, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from tests.end_to_end.hosted_provider import BASE, Fault, Provider, providing

from escalera.domain.levers import Hyperparameters, Levers, Trainable
from escalera.domain.message import Message
from escalera.domain.recipe import Ingredient, TrainingPair, TrainingRecipe
from escalera.domain.system import Prompt
from escalera.edges.providers import tuning
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.tuning import ProviderTuner, Terms
from escalera.errors import (
    AccessRefused,
    BadReply,
    InputError,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
)

pytestmark = pytest.mark.network

KEY = "sk-very-secret-key"
RECIPE = TrainingRecipe(
    model="remote",
    revision="r",
    ingredients=(Ingredient(task="codes", prompt=Prompt(), examples=2, data="d"),),
    trainable=Trainable(),
    levers=Levers(learning_rate=None, epochs=2, seed=7),
    hosted=Hyperparameters(n_epochs=2, batch_size=4),
)
PAIRS = [
    TrainingPair(messages=(Message(role="user", content=f"say {word}"),), target=word.upper())
    for word in ("a", "b")
]


class StillClock:
    """Time passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def seconds(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Bench:
    """A stand-in with a tuner before it; what is told on the way is kept."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.clock = StillClock()
        self.told: list[tuple[str, int, int]] = []

    def do(self, work: Any, **terms: Any) -> Any:
        """What *work* of a tuner comes to, in a loop of its own."""

        async def within() -> Any:
            endpoint = Endpoint(name="p", base_url=self.provider.url, model=BASE, api_key=KEY)
            made = ProviderTuner(endpoint, clock=self.clock, terms=Terms(**terms))
            try:
                return await work(made)
            finally:
                await made.close()

        return asyncio.run(within())

    def begin(self, recipe: TrainingRecipe = RECIPE, **terms: Any) -> str:
        return str(self.do(lambda tuner: tuner.begin(recipe, PAIRS), **terms))

    def wait(self, job: str, **terms: Any) -> Any:
        return self.do(lambda tuner: tuner.wait(job, progress=self._tell), **terms)

    def _tell(self, what: str, done: int, total: int) -> None:
        self.told.append((what, done, total))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with providing(Provider()) as provider:
        yield Bench(provider)


def test_a_job_from_its_examples_to_its_model(bench: Bench) -> None:
    """What is uploaded and asked for, and what is known in the end: name, tokens, losses, logs."""
    job = bench.begin(suffix="mine")
    run = bench.wait(job)
    (made,) = bench.provider.made()
    assert made["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 4}},
    }
    assert (made["seed"], made["suffix"]) == (7, "mine")
    assert made["metadata"] == {"escalera_recipe": RECIPE.digest}
    assert bench.provider.contents["file-0"].splitlines()[0] == (
        b'{"messages":[{"role":"user","content":"say a"},{"role":"assistant","content":"A"}]}'
    )
    assert run.model == f"ft:{BASE}:org:mine:ftjob-0"
    assert (run.base, run.tokens, run.seconds, run.cancelled) == (BASE, 1000, 60.0, False)
    assert [(point.step, point.loss) for point in run.losses] == [(1, 3.0), (2, 1.5)]
    events = [json.loads(line) for line in run.logs["events.jsonl"].splitlines()]
    assert [event["id"] for event in events] == [f"ftevent-ftjob-0-{n}" for n in range(3)]
    assert b"ftckpt-ftjob-0" in run.logs["checkpoints.jsonl"]
    assert json.loads(run.logs["job.json"])["organization_id"] == "org"
    assert ("Step 2/3", 2, 3) in bench.told
    assert bench.provider.keys == {f"Bearer {KEY}"}


def test_the_official_client_sees_the_same_job(bench: Bench) -> None:
    """Job, events, checkpoints and file, read by OpenAI's own library."""
    run = bench.wait(bench.begin())
    with openai.OpenAI(base_url=bench.provider.url, api_key="k") as client:
        job = client.fine_tuning.jobs.retrieve(run.job)
        events = client.fine_tuning.jobs.list_events(run.job).data
        checkpoints = client.fine_tuning.jobs.checkpoints.list(run.job).data
        file = client.files.list().data[0]
    assert (job.status, job.fine_tuned_model, job.trained_tokens) == (
        "succeeded",
        run.model,
        run.tokens,
    )
    assert job.method is not None
    assert job.method.supervised is not None
    assert job.method.supervised.hyperparameters is not None
    assert job.method.supervised.hyperparameters.n_epochs == 2
    assert len(events) == len(run.logs["events.jsonl"].splitlines())
    assert checkpoints[0].step_number == 1
    assert (file.id, file.filename) == (job.training_file, f"escalera-{RECIPE.digest}.jsonl")


def test_a_second_beginning_is_the_same_job(bench: Bench) -> None:
    """As after a process that died before it could write the id down; another recipe is another."""
    first = bench.begin()
    assert bench.begin() == first
    assert bench.begin(replace(RECIPE, levers=replace(RECIPE.levers, seed=8))) != first
    assert len(bench.provider.jobs) == len(bench.provider.files) == 2


def test_a_provider_that_keeps_no_metadata(bench: Bench) -> None:
    """The job is known by the file that its examples lie in."""
    bench.provider.keeps_metadata = False
    first = bench.begin()
    assert bench.begin() == first
    assert len(bench.provider.jobs) == 1


@pytest.mark.parametrize("at", ["POST /v1/fine_tuning/jobs", "POST /v1/files"])
def test_a_lost_answer_is_no_second_job(bench: Bench, at: str) -> None:
    """The connection breaks behind the request: what was made is found, and taken."""
    bench.provider.faults = [Fault(at, lost=True)]
    job = bench.begin()
    assert [made["id"] for made in bench.provider.made()] == [job]
    assert len(bench.provider.files) == 1


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_ended_without_a_model_is_no_obstacle(bench: Bench, state: str) -> None:
    """The next one is another, with the examples that are there."""
    first = bench.begin()
    bench.provider.jobs[first]["status"] = state
    assert bench.begin() != first
    assert len(bench.provider.files) == 1


def test_lists_are_read_to_their_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is found on whatever page it stands."""
    first = bench.begin()
    for seed in range(100, 105):
        bench.begin(replace(RECIPE, levers=replace(RECIPE.levers, seed=seed)))
    monkeypatch.setattr("escalera.edges.providers.jobs_http.PAGE", 2)
    assert bench.begin() == first


def test_trouble_on_the_way_is_waited_out(bench: Bench) -> None:
    """A limit with its Retry-After, and a server that fails: asked again, told nowhere."""
    bench.provider.faults = [
        Fault("POST /v1/fine_tuning/jobs", status=429, headers={"retry-after": "9"}),
        Fault("GET /v1/fine_tuning/jobs/ftjob-0", status=500),
        Fault("GET /v1/fine_tuning/jobs/ftjob-0/events", status=503),
    ]
    assert bench.wait(bench.begin()).model is not None
    assert bench.clock.slept[0] == 9.0
    assert len(bench.provider.jobs) == 1


def test_looks_become_rarer(bench: Bench) -> None:
    """A long job is not asked about every second."""
    bench.provider.looks = 20
    bench.wait(bench.begin())
    slept = bench.clock.slept
    assert slept == sorted(slept)
    assert (slept[0], slept[-1]) == (tuning.FIRST_LOOK, tuning.LONGEST_LOOK)


def test_a_job_that_failed_says_why(bench: Bench) -> None:
    """In the provider's words; nothing was trained."""
    bench.provider.ends = "failed"
    run = bench.wait(bench.begin())
    assert (run.model, run.words, run.tokens) == (None, "line 3 is empty (file)", None)
    assert not run.cancelled


def test_cancelling(bench: Bench) -> None:
    """A job that runs is cancelled; one that ended before says how."""
    job = bench.begin()
    run = bench.do(lambda tuner: tuner.cancel(job))
    assert (run.cancelled, run.model) == (True, None)
    assert bench.provider.jobs[job]["status"] == "cancelled"
    other = bench.begin()
    model = bench.wait(other).model
    assert bench.do(lambda tuner: tuner.cancel(other)).model == model


def test_waiting_has_an_end(bench: Bench) -> None:
    """The job goes on there, and can be waited for again."""
    bench.provider.looks = 10_000
    job = bench.begin()
    with pytest.raises(ProviderUnavailable, match=r"'running' after .* hours of waiting"):
        bench.wait(job, hours=0.1)
    bench.provider.looks = 1
    assert bench.wait(job).model is not None


def test_what_is_refused_before_anything_is_sent(bench: Bench) -> None:
    """Too few examples, and a preference without a second answer."""
    with pytest.raises(InputError, match="takes jobs of 10 examples or more, and there are 2"):
        bench.begin(fewest=10)
    with pytest.raises(InputError, match="no rejected answer"):
        bench.begin(replace(RECIPE, objective="preference"))
    assert bench.provider.seen == []


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RequestRejected), (401, AccessRefused), (404, AccessRefused)]
)
def test_refusals_are_told_in_the_providers_words(
    bench: Bench, status: int, kind: type[ProviderError]
) -> None:
    """At once, and without the key."""
    bench.provider.faults = [Fault("POST /v1/fine_tuning/jobs", status=status)]
    with pytest.raises(kind, match="not now") as caught:
        bench.begin()
    assert KEY not in str(caught.value)
    assert bench.provider.jobs == {}


def test_a_success_without_a_name_is_none(bench: Bench) -> None:
    """A model that cannot be asked is not taken for one."""
    job = bench.begin()
    bench.provider.jobs[job].update(status="succeeded", finished_at=160)
    with pytest.raises(BadReply, match="names no model"):
        bench.wait(job)
