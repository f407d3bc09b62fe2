"""The provider's contract, held by the scripted provider."""

from __future__ import annotations

import asyncio

import pytest

from escalera.domain.message import Message, Request
from escalera.testing import provider_suite as suite
from escalera.testing.scripted import Faults, ScriptedProvider

BAD = Request(messages=(Message(role="user", content="bad"),))


def scripted() -> ScriptedProvider:
    """A provider that echoes, and rejects one request whenever it comes."""
    return ScriptedProvider(
        lambda request: request.messages[-1].content,
        faults=Faults(when=lambda request: request == BAD, kind="rejected"),
    )


@pytest.mark.parametrize(
    "check",
    [
        suite.says_how_it_is_fed,
        suite.answers_in_order,
        suite.answers_nothing_to_nothing,
        suite.keeps_to_max_tokens,
        suite.streams_what_it_answers,
    ],
)
def test_a_promise_of_the_port(check) -> None:
    """Every check of the suite holds; its docstring says what it proves."""
    asyncio.run(check(scripted()))


@pytest.mark.parametrize("check", [suite.refuses_one_and_answers_the_rest, suite.refuses_a_stream])
def test_a_request_that_can_never_work(check) -> None:
    """A refused request spoils no other, and a refused stream says so."""
    asyncio.run(check(scripted(), bad=BAD))
