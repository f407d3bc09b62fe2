"""A quality route as it is served: who answers, what it costs, and what the caller is told."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx2
import numpy as np
import pytest

from escalera.apps.gateway.app import Gateway, Setup, application
from escalera.apps.gateway.counter import Counter
from escalera.apps.gateway.escalating import Proven
from escalera.core.routing import proving
from escalera.core.routing.proving import Answered, Pair
from escalera.core.routing.sense import Sensed
from escalera.core.serving import blame
from escalera.domain.message import Decoding, Embeddings, Request, Usage
from escalera.domain.project import ModelPrice
from escalera.domain.quality import Bound, QualityRoute, QualityTested
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.domain.traffic import ServedCall
from escalera.domain.verdict import Figure
from escalera.edges.clock import SystemClock
from escalera.engine.sensing import Senses
from escalera.engine.serve import Desk, Served
from escalera.errors import CallFailed
from escalera.settings.gateway_table import BreakerTable, GatewayTable, RouteTable
from escalera.testing.scripted import Faults, ScriptedProvider

FIGURE = Figure(value=0.0, lower=-0.01, upper=0.01, n=100, clusters=100)
BOUND = Bound(most_lost=0.05, risk=0.05, lost=0.0, strong=0.5, n=100)
PRICE = ModelPrice(prompt=1_000_000, completion=1_000_000)
EASY, HARD = "what is seven plus one", "prove the theorem of Noether"


def small(request: Request) -> str:
    """What the weak model says: it stutters where it does not know."""
    return "well er" if request.messages[-1].content == HARD else "it is so"


def system(model: str) -> Route:
    made = System(model=model, revision="r", prompt=Prompt(system=f"{model}!"), decoding=Decoding())
    return Route(branches=(Branch(task="a", system=made),))


def learned(*, after: bool) -> proving.Judge:
    """Learned from easy and hard messages."""
    found = []
    for n in range(80):
        text = HARD if n % 2 else EASY
        said = Answered(text="well er" if n % 2 else "it is so", finish="stop")
        found.append(
            Pair(
                item=f"{n}",
                cluster=f"{n}",
                text=f"{text} {n}",
                weak=float(not n % 2),
                strong=1.0,
                weak_expense=1.0,
                strong_expense=9.0,
                answer=said if after else None,
            )
        )
    return proving.learn(found)


class Serving:
    """A gateway with one quality route, `smart`, over a weak and a strong provider."""

    def __init__(
        self,
        asking: Any,
        *,
        weak: Any = None,
        threshold: float | None = 0.5,
        fallbacks: Any = (),
        seconds: float = 600.0,
        judge: proving.Judge | None = None,
        senses: Senses | None = None,
        breaker: BreakerTable | None = None,
    ) -> None:
        self.weak = weak or ScriptedProvider(small)
        self.strong = ScriptedProvider(lambda _: "the proof is this")
        models = {
            "small": Served(revision="r", provider=self.weak, price=PRICE),
            "large": Served(revision="r", provider=self.strong, price=PRICE),
        }
        route = QualityRoute(
            weak=system("small"),
            strong=system("large"),
            asking=asking,
            signal="5e",
            threshold=threshold,
            bound=BOUND,
        )
        tested = QualityTested(
            name="smart",
            route=route,
            weak="small",
            strong="large",
            learned=80,
            single="strong",
            gain=FIGURE,
            saved=FIGURE,
            blind=FIGURE,
            share=0.5,
            expense="seconds",
            margin=0.1,
            worth="gain",
            unscored=0,
            at=0.0,
        )
        self.decision = tested.decision
        sides = (
            Desk(label="smart", route=one, infer=None, models=models, decision=tested.decision)
            for one in (route.weak, route.strong)
        )
        counter = Counter(label="support", route=None, infer=None, models=models)
        counter.proven = {
            "smart": Proven(
                tested=tested,
                judge=judge or learned(after=asking == "after"),
                senses=senses,
                weak=next(sides),
                strong=next(sides),
                schemas={"a": "number"},
                invalid=lambda schema, text: "no digit" if text == "BAD" else None,
            )
        }
        self.calls: list[ServedCall] = []
        table = GatewayTable(
            default="smart",
            routes={"smart": RouteTable(decision=tested.decision, fallbacks=list(fallbacks))},
            seconds=seconds,
            breaker=breaker or BreakerTable(),
        )
        self.app: Gateway = application(
            counter, api_key=None, now=lambda: 5.0, setup=Setup(table=table, sink=self.keep)
        )

    def keep(self, call: ServedCall) -> bool:
        self.calls.append(call)
        return True

    def ask(self, text: str, **more: Any) -> httpx2.Response:
        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
                body = {"model": "smart", "messages": [{"role": "user", "content": text}], **more}
                return await client.post("/v1/chat/completions", json=body)

        return asyncio.run(send())


def by_meaning(messages: dict[str, tuple[float, ...]]) -> proving.Judge:
    """Learned from what messages mean: their words tell nothing."""
    chance = np.random.default_rng(0)
    vectors, found = {}, []
    for n in range(80):
        hard = n % 2
        text = "".join(chance.choice(list("abcdefghijklmnop"), 9))
        near = np.array(messages[HARD if hard else EASY], np.float32)
        vectors[text] = near + chance.normal(size=2).astype(np.float32) * 0.1
        found.append(
            Pair(
                item=f"{n}",
                cluster=f"{n}",
                text=text,
                weak=float(not hard),
                strong=1.0,
                weak_expense=1.0,
                strong_expense=9.0,
            )
        )
    return proving.learn(found, Sensed(model="e5", revision="r5", vectors=vectors, share=0.75))


class Meanings:
    """Embeddings of the two messages; of any other there are none."""

    def __init__(self, vectors: dict[str, tuple[float, ...]]) -> None:
        self.vectors = vectors

    async def embed(self, texts: Any) -> Embeddings:
        if texts[0] not in self.vectors:
            raise CallFailed("no", provider="e5")
        usage = Usage(prompt_tokens=1, completion_tokens=0)
        vectors = tuple(self.vectors[text] for text in texts)
        return Embeddings(vectors=vectors, usage=usage, micro_dollars=0, seconds=0.0)

    async def close(self) -> None:
        """Nothing is held."""


def said(response: httpx2.Response) -> str:
    if not response.headers["content-type"].startswith("text/event-stream"):
        return str(response.json()["choices"][0]["message"]["content"])
    events = [part.removeprefix("data: ") for part in response.text.split("\n\n") if part]
    chunks = [json.loads(part) for part in events if part != "[DONE]"]
    return "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])


def test_a_signal_may_read_what_a_message_means() -> None:
    """And where that cannot be had the strong system answers: no error reaches the caller."""
    vectors = {EASY: (1.0, 0.0), HARD: (0.0, 1.0)}
    senses = Senses(Meanings(vectors), clock=SystemClock())
    serving = Serving("before", judge=by_meaning(vectors), senses=senses)
    for text, why in ((EASY, "weak: "), (HARD, "strong: 0."), ("else", "strong: unread")):
        response = serving.ask(text)
        assert response.status_code == 200
        assert response.headers["x-escalera-why"].startswith(f"first; {why}")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asking", ["before", "after"])
def test_easy_messages_are_answered_by_the_weak_system_hard_ones_by_the_strong(
    asking: str, *, stream: bool
) -> None:
    """The headers say which, by which decision and for which signal."""
    serving = Serving(asking)
    easy, hard = (serving.ask(text, stream=stream) for text in (EASY, HARD))
    assert (said(easy), said(hard)) == ("it is so", "the proof is this")
    assert easy.headers["x-escalera-system"] == system("small").branches[0].system.digest
    assert hard.headers["x-escalera-deployment"] == "large"
    for response, word in ((easy, "weak"), (hard, "strong")):
        assert response.headers["x-escalera-decision"] == serving.decision
        assert response.headers["x-escalera-why"].startswith(f"first; {word}: ")
    assert ">= 0.500" in easy.headers["x-escalera-why"]
    assert "< 0.500" in hard.headers["x-escalera-why"]
    assert len(serving.weak.requests) == (1 if asking == "before" else 2)
    assert len(serving.strong.requests) == 1


def test_a_cascade_pays_for_the_answer_that_was_not_enough() -> None:
    """Both calls are in the record, with their cost; together they are what the caller pays."""
    serving = Serving("after")
    serving.ask(HARD)
    (call,) = serving.calls
    assert [attempt.deployment for attempt in call.attempts] == ["small", "large"]
    weak, strong = call.attempts
    assert (weak.cost, strong.cost) == (6 + 2, 6 + 4)
    assert call.cost == 18
    assert call.decision == serving.decision


def test_a_route_that_looks_at_answers_gives_one() -> None:
    """It says so, and what to ask instead; the log probabilities are of who answers."""
    serving = Serving("after")
    refused = serving.ask(EASY, n=2)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "n"
    assert serving.ask(EASY, logprobs=True).status_code == 200
    assert serving.weak.requests[-1].logprobs == 0


def test_a_board_knows_what_a_cascade_can_cost() -> None:
    """Two calls may be made for one answer; before, it is one."""
    plans = [Serving(asking).app.regime.board.plans["smart"] for asking in ("before", "after")]
    assert [plan.calls for plan in plans] == [1, 2]
    assert plans[0].price == PRICE
    assert plans[0].prompt_bytes > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asking", ["before", "after"])
def test_a_weak_system_that_cannot_be_had_is_passed_over(asking: str, *, stream: bool) -> None:
    """The strong one answers, and the record keeps the failure."""
    serving = Serving(asking, weak=ScriptedProvider(small, faults=Faults(first=9)))
    response = serving.ask(EASY, stream=stream)
    if not stream:
        assert said(response) == "the proof is this"
    assert "proof" in response.text
    assert response.headers["x-escalera-deployment"] == "large"
    assert response.headers["x-escalera-why"] == "first; strong: weak failed"
    assert [attempt.fault for attempt in serving.calls[0].attempts] == ["status", ""]


@pytest.mark.parametrize("asking", ["before", "after"])
def test_a_weak_system_that_keeps_failing_is_left_alone(asking: str) -> None:
    """Callers do not wait for it each time; when it is there again it is asked again."""
    weak = ScriptedProvider(small, faults=Faults(first=3))
    serving = Serving(asking, weak=weak, breaker=BreakerTable(streak=3, hold=0.3))
    whys = [serving.ask(EASY).headers["x-escalera-why"] for _ in range(5)]
    assert whys == ["first; strong: weak failed"] * 3 + ["first; strong: weak is left alone"] * 2
    assert len(weak.requests) == 3
    assert [len(call.attempts) for call in serving.calls] == [2, 2, 2, 1, 1]
    time.sleep(0.35)
    assert said(serving.ask(EASY)) == "it is so"
    assert said(serving.ask(EASY)) == "it is so"


@pytest.mark.parametrize("asking", ["before", "after"])
def test_what_says_nothing_against_the_weak_system_does_not_count(asking: str) -> None:
    """A mistake of the caller's, and a caller who leaves."""
    weak = ScriptedProvider(small, faults=Faults(first=2, kind="rejected"))
    serving = Serving(asking, weak=weak, breaker=BreakerTable(streak=1, hold=60.0))
    assert [serving.ask(EASY).status_code for _ in range(3)] == [400, 400, 200]
    assert len(weak.requests) == 3


class Silent:
    """A provider that never answers."""

    unit = 1
    concurrency = 1

    async def answer(self, requests: Any) -> Any:
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing is held."""


def test_a_weak_system_that_is_silent_may_be_billed() -> None:
    """It is not taken for one that refused: what it may have cost stays counted."""
    serving = Serving("after", weak=Silent(), seconds=0.4)
    assert said(serving.ask(EASY)) == "the proof is this"
    assert [attempt.fault for attempt in serving.calls[0].attempts] == ["total-timeout", ""]
    assert blame.may_be_billed(serving.calls[0].attempts[0].fault)


@pytest.mark.parametrize("asking", ["before", "after"])
def test_a_request_that_the_weak_system_refuses_is_refused(asking: str) -> None:
    """The caller's own mistake is not hidden by asking somebody else."""
    faults = Faults(first=1, kind="rejected")
    serving = Serving(asking, weak=ScriptedProvider(small, faults=faults))
    assert serving.ask(EASY).status_code == 400
    assert serving.strong.requests == []


@pytest.mark.parametrize("answer", ["BAD", "it is so " * 400])
def test_invalid_and_cut_answers_are_never_enough(answer: str) -> None:
    """Whatever the signal would say."""
    serving = Serving("after", weak=ScriptedProvider(lambda _: answer))
    response = serving.ask(EASY)
    assert said(response) == "the proof is this"
    assert "strong: 0.000 < 0.500" in response.headers["x-escalera-why"]


def test_without_a_threshold_the_strong_system_answers_everything() -> None:
    """No threshold kept the bound, so the weak one is not even asked."""
    serving = Serving("after", threshold=None)
    assert said(serving.ask(EASY)) == "the proof is this"
    assert serving.weak.requests == []


def test_a_signal_next_to_its_threshold_is_told_apart_from_it() -> None:
    """Of a route whose threshold is tiny, `0.000 < 0.000` would tell nothing."""
    found = learned(after=False)
    low = proving.signal(found, HARD, None)
    response = Serving("before", threshold=low * 1.0001, judge=found).ask(HARD)
    side, signal, sign, threshold = response.headers["x-escalera-why"].split()[1:]
    assert (side, sign) == ("strong:", "<")
    assert float(signal) < float(threshold)


def test_other_operations_are_refused_by_name() -> None:
    """What was measured are chats."""
    serving = Serving("before")

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(serving.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post("/v1/embeddings", json={"model": "smart", "input": "x"})

    response = asyncio.run(send())
    assert response.status_code == 400
    assert "chats only" in response.json()["error"]["message"]


def test_fallbacks_of_a_route_are_asked_when_neither_system_can_answer() -> None:
    """Then no decision is claimed."""
    serving = Serving("before", fallbacks=["small"])
    serving.strong._failures_left = 1
    response = serving.ask(HARD)
    assert said(response) == "well er"
    assert "x-escalera-decision" not in response.headers
    assert response.headers["x-escalera-why"].startswith("fallback after smart")
