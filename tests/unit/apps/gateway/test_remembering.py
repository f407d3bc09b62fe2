"""The same answer to the same request, and to no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.apps.gateway.upstreams import (
    ANSWER,
    Upstream,
    asked,
    asking,
    broken,
    good,
    line,
    plan,
    streamed,
)

from escalera.apps.gateway.asked import Opened
from escalera.apps.gateway.remembering import FRAME, Remembering


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Gateway:
    """Asks one upstream through a cache; says whether the answer was remembered."""

    def __init__(self, *answers: Any, **options: Any) -> None:
        self.upstream = Upstream(*(answers or (good,)))
        self.clock = Clock()
        options = {"seconds": 60.0, "most": 1_000_000, **options}
        self.cache = Remembering(asking(), clock=self.clock, **options)
        self.plan = plan(line("a", self.upstream))

    def ask(self, *, key: str = "k", operation: str = "chat", **more: Any) -> bool:
        request = asked(operation, **{"temperature": 0, **more})
        request.key = key
        before = len(self.upstream.asked)
        found = asyncio.run(self.cache.ask(request, self.plan))
        if request.cached:
            assert isinstance(found, Opened)
            assert (found.body, len(self.upstream.asked)) == (ANSWER, before)
            assert found.usage is not None
            assert (found.usage.prompt, found.usage.completion) == (0, 0)
            assert (b"x-escalera-cache", b"hit") in found.headers
        return request.cached


def test_the_second_time_nobody_is_asked() -> None:
    """Also where fields come in another order, or change no answer."""
    gateway = Gateway()
    assert not gateway.ask(messages=["hi"], seed=3)
    assert gateway.ask(seed=3, messages=["hi"])
    assert gateway.ask(messages=["hi"], seed=3, user="u", metadata={"a": "b"})
    assert len(gateway.upstream.asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"messages": ["ho"]},
        {"messages": ["hi"], "seed": 4},
        {"messages": ["hi"], "key": "another"},
        {"messages": ["hi"], "max_tokens": 5},
        {"messages": ["hi"], "operation": "completions"},
    ],
)
def test_another_request_or_another_caller_is_asked_for(other: dict[str, Any]) -> None:
    """Nobody learns what another key has asked."""
    gateway = Gateway()
    gateway.ask(messages=["hi"])
    assert not gateway.ask(**other)


@pytest.mark.parametrize("temperature", [1, 0.5, None])
def test_what_is_drawn_is_not_remembered_unless_it_is_wanted(temperature: float | None) -> None:
    """An answer at a temperature above 0 may be another each time."""
    gateway, wanted = Gateway(), Gateway(sampled=True)
    for _ in range(2):
        assert not gateway.ask(temperature=temperature)
    assert [wanted.ask(temperature=temperature) for _ in range(2)] == [False, True]


def test_streams_and_responses_are_not_remembered() -> None:
    """A stream is passed on as it comes; a response may be kept by the provider."""
    gateway = Gateway(streamed, streamed)
    assert [gateway.ask(stream=True) for _ in range(2)] == [False, False]
    gateway = Gateway(broken)
    assert [gateway.ask(operation="responses") for _ in range(2)] == [False, False]


def test_a_failure_is_not_remembered() -> None:
    """The next one may be answered."""
    gateway = Gateway(*(broken for _ in range(2)), good)
    assert [gateway.ask() for _ in range(3)] == [False, False, True]


def test_it_forgets_in_time() -> None:
    """And asks anew."""
    gateway = Gateway(seconds=10.0)
    gateway.ask()
    gateway.clock.now = 9.9
    assert gateway.ask()
    gateway.clock.now = 10.0
    assert not gateway.ask()
    assert gateway.ask()


def test_it_stays_within_its_memory() -> None:
    """What nobody asked for the longest goes first; what is too large is not kept at all."""
    size = len(ANSWER) + FRAME
    gateway = Gateway(most=2 * size)
    gateway.ask(seed=1)
    gateway.ask(seed=2)
    assert gateway.ask(seed=1)
    gateway.ask(seed=3)
    assert [gateway.ask(seed=seed) for seed in (1, 3)] == [True, True]
    assert not gateway.ask(seed=2)
    small = Gateway(most=size - 1)
    assert [small.ask() for _ in range(2)] == [False, False]
