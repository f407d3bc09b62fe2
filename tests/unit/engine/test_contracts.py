"""A provider whose answers are checked and sent back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Reply, Request
from escalera.engine.contracts import Repairing
from escalera.errors import ProviderUnavailable, RequestRejected
from escalera.testing import provider_suite
from escalera.testing.scripted import Faults, ScriptedProvider

OUTPUT = OutputContract(schema="good", mode="prompt", repairs=2)


def ask(text, output=OUTPUT):
    return Request(
        messages=(Message(role="user", content=text),),
        decoding=Decoding(max_tokens=20),
        output=output,
    )


def invalid(schema, text):
    return None if text == schema else f"not {schema}"


def learns(request):
    """Right at the first repair where "slow" is asked, never where "never" is."""
    text = request.messages[0].content
    repaired = len(request.messages) > 1
    return "good" if text == "quick" or (text == "slow" and repaired) else "bad"


def answers(provider, *requests):
    return asyncio.run(Repairing(provider, invalid).answer(requests))


def test_only_invalid_answers_are_sent_back_and_together():
    """A round asks what is still open, in order."""
    provider = ScriptedProvider(learns, unit=8)
    rounds = []
    answer = provider.answer

    async def watched(requests):
        rounds.append([request.messages[0].content for request in requests])
        return await answer(requests)

    provider.answer = watched
    replies = answers(provider, *map(ask, ("quick", "slow", "never", "slow")))
    assert rounds == [["quick", "slow", "never", "slow"], ["slow", "never", "slow"], ["never"]]
    assert [reply.text for reply in replies] == ["good", "good", "bad", "good"]
    assert [reply.repairs for reply in replies] == [0, 1, 2, 1]


def test_without_a_contract_nothing_changes():
    """Whoever asked for any text gets it, and once."""
    provider = ScriptedProvider(learns)
    (reply,) = answers(provider, ask("never", None))
    assert reply.text == "bad"
    assert len(provider.requests) == 1


def test_the_seconds_of_a_round_are_shared_by_those_it_was_for():
    """A unit's seconds are divided by its size later, so a smaller round counts for more."""

    class Timed(ScriptedProvider):
        async def answer(self, requests):
            return [replace(reply, seconds=1.0) for reply in await super().answer(requests)]

    together = answers(Timed(learns, unit=8), *map(ask, ("quick", "quick", "quick", "slow")))
    assert sum(reply.seconds for reply in together) / 4 == 1.0 + 1.0
    (alone,) = answers(Timed(learns, unit=1), ask("slow"))
    assert alone.seconds == 2.0


def test_a_repair_that_is_rejected_leaves_the_answer_that_there_is():
    """A dialogue that outgrew the model is a property of the system, and the answer is known."""
    too_long = Faults(when=lambda request: len(request.messages) > 1, kind="rejected")
    (reply,) = answers(ScriptedProvider(learns, faults=too_long), ask("slow"))
    assert isinstance(reply, Reply)
    assert (reply.text, reply.repairs) == ("bad", 0)


def test_an_outage_in_a_dialogue_is_an_outage():
    """It is never a wrong answer."""
    down = Faults(when=lambda request: len(request.messages) > 1)
    (reply,) = answers(ScriptedProvider(learns, faults=down), ask("slow"))
    assert isinstance(reply, ProviderUnavailable)


def test_a_stream_is_one_piece_where_it_may_be_sent_back():
    """Nothing that is not final is shown."""

    async def pieces(request):
        stream = Repairing(ScriptedProvider(learns), invalid).stream(request)
        return [piece async for piece in stream]

    text, reply = asyncio.run(pieces(ask("slow")))
    assert text == reply.text == "good"
    free = asyncio.run(pieces(ask("quick", replace(OUTPUT, repairs=0))))
    assert [type(piece) for piece in free] == [str, Reply]


def test_a_stream_that_cannot_work_raises():
    """As every provider's does."""
    down = Faults(when=lambda _: True, kind="rejected")

    async def first():
        await anext(Repairing(ScriptedProvider(learns, faults=down), invalid).stream(ask("slow")))

    with pytest.raises(RequestRejected):
        asyncio.run(first())


@pytest.mark.parametrize(
    "check",
    [
        provider_suite.says_how_it_is_fed,
        provider_suite.answers_in_order,
        provider_suite.answers_nothing_to_nothing,
        provider_suite.keeps_to_max_tokens,
        provider_suite.streams_what_it_answers,
    ],
    ids=lambda check: check.__name__,
)
def test_it_is_a_provider(check):
    """Every promise of the port holds through it."""
    echo = ScriptedProvider(lambda request: request.messages[-1].content, unit=3)
    asyncio.run(check(Repairing(echo, invalid)))


def test_closing_it_closes_the_provider():
    """What is held is released once."""
    provider = ScriptedProvider(learns)
    asyncio.run(Repairing(provider, invalid).close())
    assert provider.closed == 1
