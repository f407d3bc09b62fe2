"""Answers of providers in the form of an upstream's response."""

from __future__ import annotations

import asyncio
import json

import pytest

from escalera.apps.gateway import spoken, wire
from escalera.domain.message import Decoding, Message, Request
from escalera.domain.system import Prompt
from escalera.engine.serve import Answering
from escalera.errors import EvidenceMissing, ProviderError, ProviderUnavailable, UpstreamFault
from escalera.testing.scripted import Faults, ScriptedProvider

HEADING = wire.Heading(id="c", created=1, model="m", system="s")


def answering(provider):
    """A call that is resolved."""
    asked = Request(messages=(Message(role="user", content="hi"),), decoding=Decoding())
    return Answering(
        system="s", model="m", task=None, prompt=Prompt(), request=asked, provider=provider
    )


class Stuck:
    """Says one piece, then nothing; notes that it was left alone."""

    unit = concurrency = 1

    def __init__(self, error=None):
        self.error = error
        self.left = asyncio.Event()

    async def answer(self, requests):
        await asyncio.sleep(60)

    async def stream(self, request):
        try:
            yield "one"
            if self.error is not None:
                raise self.error
            await asyncio.sleep(60)
        finally:
            self.left.set()


async def begun(provider, *, stream, seconds=5.0):
    return await spoken.begin(answering(provider), HEADING, stream=stream, seconds=seconds)


async def everything(exchange):
    found = []
    while piece := await exchange.read():
        found.append(piece)
    return found


def test_a_whole_answer():
    """As JSON, by pieces or at once."""

    async def story():
        provider = ScriptedProvider(lambda _: "a b")
        exchange = await begun(provider, stream=False)
        assert (exchange.status, exchange.headers) == (200, spoken.JSON)
        again = await begun(provider, stream=False)
        whole = await again.whole(1)
        assert b"".join(await everything(exchange)) == whole
        assert json.loads(whole)["choices"][0]["message"]["content"] == "a b"

    asyncio.run(story())


def test_a_stream_ends_with_its_usage_in_any_case():
    """The gateway keeps books, whatever the caller asked for."""

    async def story():
        exchange = await begun(ScriptedProvider(lambda _: "a b"), stream=True)
        assert exchange.headers == spoken.EVENTS
        events = b"".join(await everything(exchange))
        assert b'"usage":{"prompt_tokens"' in events
        assert events.endswith(b"data: [DONE]\n\n")

    asyncio.run(story())


def test_a_failure_before_the_first_piece_is_raised():
    """As the provider calls it."""
    provider = ScriptedProvider(lambda _: "a", faults=Faults(first=9, kind="unavailable"))
    for stream in (False, True):
        with pytest.raises(ProviderError):
            asyncio.run(begun(provider, stream=stream))


@pytest.mark.parametrize("error", [ProviderUnavailable("away", provider="m"), EvidenceMissing("x")])
def test_a_failure_within_a_stream_is_a_cut(error):
    """Whatever it was."""

    async def story():
        exchange = await begun(Stuck(error), stream=True)
        with pytest.raises(UpstreamFault) as caught:
            await everything(exchange)
        assert caught.value.fault == "cut"

    asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_has_its_time(stream):
    """Before and behind the first piece."""

    async def story():
        with pytest.raises(UpstreamFault) as caught:
            await everything(await begun(Stuck(), stream=stream, seconds=0.01))
        assert caught.value.fault == "total-timeout"

    asyncio.run(story())


def test_a_model_is_left_alone_when_nobody_listens():
    """Closing ends its stream, and no task outlives it."""

    async def story():
        provider = Stuck()
        exchange = await begun(provider, stream=True)
        await exchange.read()
        exchange.close()
        await asyncio.wait_for(provider.left.wait(), 5)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())
