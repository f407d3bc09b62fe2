"""Messages that are read in service: in time or not at all, and never an error."""

from __future__ import annotations

import asyncio
import re

import numpy as np
import pytest
from tests.unit.core.routing.messages import near, sensing

from escalera.domain.message import Embeddings, Usage
from escalera.engine.sensing import QUIET, REST, STREAK, Inferring, Senses
from escalera.errors import AccessRefused, BadReply, CallFailed, InputError, RequestRejected

ROUTER = sensing()
NOTHING = Usage(prompt_tokens=0, completion_tokens=0)


class Scripted:
    """An embedder that does as it is told: a vector, an error, or waiting for ever."""

    def __init__(self, *script):
        self.script, self.calls, self.closed = list(script), 0, False

    async def embed(self, texts):
        self.calls += 1
        do = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(do, Exception):
            raise do
        if do is None:
            await asyncio.Event().wait()
        return Embeddings(vectors=(tuple(do),), usage=NOTHING, micro_dollars=0, seconds=0.0)

    async def close(self):
        self.closed = True


class Hands:
    """A clock that is set by hand."""

    now = 100.0

    def seconds(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


def senses(*script, observed=None, clock=None, seconds=5.0, tell=lambda _: None):
    seen = [] if observed is None else observed
    return Senses(
        Scripted(*script),
        clock=clock or Hands(),
        seconds=seconds,
        observe=lambda took, read: seen.append(read),
        tell=tell,
    )


def choose(made, text="a message", seen=lambda _: None):
    inferring = Inferring(router=ROUTER, sense=ROUTER.sense, senses=made, seen=seen)
    return asyncio.run(inferring.choose(text))


def test_what_is_read_decides():
    """The same message, and two meanings; every choice is told to who watches."""
    told = []
    for label in ("orders", "praise"):
        found = choose(senses(near(label).tolist()), seen=told.append)
        assert (found.type, found.sure) == (label, True)
    assert [one.type for one in told] == ["orders", "praise"]


@pytest.mark.parametrize(
    "problem",
    [
        CallFailed("no", provider="e5"),
        RequestRejected("too long", provider="e5"),
        InputError("the folder cannot be loaded"),
        [1.0] * 9,
        None,
    ],
    ids=["failed", "rejected", "unloadable", "of another length", "too late"],
)
def test_whatever_goes_wrong_is_an_abstention(problem):
    """Within the time that a message may wait, and the reader is told that it was not read."""
    observed = []
    made = senses(problem, observed=observed, seconds=0.01)
    assert choose(made).refusal == "unread"
    assert observed == [False]


def test_a_model_that_fails_is_left_alone_for_a_while():
    """No message waits in vain for what failed before; later it is asked again."""
    clock = Hands()
    made = senses(*[CallFailed("no", provider="e5")] * STREAK, near("praise"), clock=clock)
    for _ in range(STREAK + 2):
        assert choose(made).refusal == "unread"
    assert made._embedder.calls == STREAK
    clock.now += REST
    assert choose(made).type == "praise"
    assert made._embedder.calls == STREAK + 1


def test_texts_that_are_refused_say_nothing_of_the_next():
    """Too long a message, however often, does not close the way for others."""
    made = senses(*[RequestRejected("too long", provider="e5")] * 9, near("praise"))
    for _ in range(9):
        assert choose(made).refusal == "unread"
    assert choose(made).type == "praise"


def test_the_time_of_a_reading_is_told():
    """In seconds of the clock."""
    clock, took = Hands(), []

    class Slow(Scripted):
        async def embed(self, texts):
            await clock.sleep(0.25)
            return await super().embed(texts)

    made = Senses(
        Slow(near("orders")),
        clock=clock,
        observe=lambda seconds, read: took.append((seconds, read)),
    )
    asyncio.run(made.read("a", ROUTER.sense))
    assert took == [(0.25, True)]
    assert np.isfinite(took[0][0])
    asyncio.run(made.close())
    assert made._embedder.closed


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (CallFailed("sk-1 is no key", provider="e5"), "cannot be reached, or fails"),
        (AccessRefused("sk-1 is no key", provider="e5"), "the key, its rights or the model"),
        (BadReply("sk-1", provider="e5"), "no embedding"),
        (RequestRejected("sk-1", provider="e5"), "refuses what it is sent"),
        (InputError("the folder cannot be loaded"), "the folder cannot be loaded"),
        ([1.0] * 9, r"have 9 numbers, and the router was learned on \d"),
        (None, "within 0.01 s"),
    ],
    ids=["failed", "denied", "garbled", "rejected", "unloadable", "of another length", "too late"],
)
def test_the_operator_is_told_once_when_it_begins_and_once_when_it_ends(problem, why):
    """Whatever the reason, and in no words of the endpoint's; one failure is none to speak of."""
    clock, told = Hands(), []
    made = senses(
        *[problem] * (STREAK + 1), near("praise"), clock=clock, seconds=0.01, tell=told.append
    )
    for _ in range(STREAK - 1):
        choose(made)
    assert told == []
    for _ in range(2):
        choose(made)
        clock.now += REST
    (begun,) = told
    assert re.search(why, begun)
    assert "sk-1" not in begun
    for _ in range(2):
        assert choose(made).type == "praise"
    assert told[1:] == ["messages are read for their router again, after 10 s"]


def test_a_model_that_comes_and_goes_is_not_told_of_each_time():
    """At most once in a while, and the end only where the beginning was told."""
    clock, told = Hands(), []
    failing = [CallFailed("no", provider="e5")] * STREAK
    made = senses(
        *failing, near("praise"), *failing, near("praise"), *failing, near("praise"),
        clock=clock, tell=told.append,
    )  # fmt: skip
    for wait in (REST, REST, QUIET):
        for _ in range(STREAK):
            choose(made)
        clock.now += REST
        choose(made)
        clock.now += wait - REST
    assert len(told) == 2
    clock.now += QUIET
    made._embedder.script = [*failing, near("praise")]
    for _ in range(STREAK):
        choose(made)
    assert len(told) == 3
