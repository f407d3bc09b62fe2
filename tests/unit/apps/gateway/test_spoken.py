"""Answers of providers in the form of an upstream's response."""

from __future__ import annotations

import asyncio
import json

import pytest

from escalera.apps.gateway import spoken, wire
from escalera.apps.gateway.forms import ChatForm
from escalera.domain.message import (
    Decoding,
    Likely,
    Message,
    Piece,
    Reply,
    Request,
    SaidToken,
    Usage,
)
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


async def begun(provider, *, stream, seconds=5.0, n=1):
    form = ChatForm(HEADING)
    return await spoken.begin(answering(provider), form, n=n, stream=stream, seconds=seconds)


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


def told(events):
    """What the events of a stream say."""
    found = b"".join(events).decode().split("\n\n")[:-1]
    assert found.pop() == "data: [DONE]"
    return [json.loads(one.removeprefix("data: ")) for one in found]


@pytest.mark.parametrize("stream", [False, True])
def test_several_answers_are_asked_for_by_number(stream):
    """Each is written under its number, with its own reason, and the prompt is counted once."""
    provider = ScriptedProvider(lambda request: f"answer number {request.choice}")

    async def story():
        return await everything(await begun(provider, stream=stream, n=3))

    pieces = asyncio.run(story())
    if stream:
        events = told(pieces)
        chunks = [choice for event in events for choice in event["choices"]]
        said = dict.fromkeys(range(3), "")
        for chunk in chunks:
            said[chunk["index"]] += chunk["delta"].get("content", "")
        ended = [chunk["index"] for chunk in chunks if chunk["finish_reason"] == "stop"]
        usage = events[-1]["usage"]
        opened = [chunk["index"] for chunk in chunks if "role" in chunk["delta"]]
        assert opened == [0, 1, 2]
    else:
        found = json.loads(b"".join(pieces))
        said = {one["index"]: one["message"]["content"] for one in found["choices"]}
        ended = [one["index"] for one in found["choices"] if one["finish_reason"] == "stop"]
        usage = found["usage"]
    assert said == {n: f"answer number {n}" for n in range(3)}
    assert sorted(ended) == [0, 1, 2]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1, 9)
    assert [request.choice for request in provider.requests] == [0, 1, 2]


class Third(Stuck):
    """Fails for the third choice, and never ends the others."""

    async def answer(self, requests):
        return [await self._one(request) for request in requests]

    async def _one(self, request):
        if request.choice == 2:
            return ProviderUnavailable("away", provider="m")
        try:
            await asyncio.sleep(60)
        finally:
            self.left.set()

    async def stream(self, request):
        found = await self._one(request)
        if isinstance(found, Exception):
            raise found
        yield found


@pytest.mark.parametrize("stream", [False, True])
def test_where_one_answer_fails_none_is_given(stream):
    """And the others are left alone."""

    async def story():
        provider = Third()
        with pytest.raises((ProviderUnavailable, UpstreamFault)):
            await everything(await begun(provider, stream=stream, n=3))
        await asyncio.wait_for(provider.left.wait(), 5)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())


def test_several_streams_are_left_alone_when_nobody_listens():
    """No task outlives the response."""

    async def story():
        provider = Stuck()
        exchange = await begun(provider, stream=True, n=4)
        await exchange.read()
        exchange.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert len(others) == 5  # one for each choice, and one that closes
        done, _ = await asyncio.wait(others, timeout=5)
        assert done == others

    asyncio.run(story())


def test_tokens_that_no_piece_brought_come_before_the_end():
    """All that the reply tells is told once."""
    tokens = tuple(
        SaidToken(said=Likely(text=text, logprob=-1.0, written=None)) for text in ("a", "b", "c")
    )
    reply = Reply(
        text="ab",
        finish_reason="stop",
        usage=Usage(prompt_tokens=1, completion_tokens=3),
        micro_dollars=None,
        seconds=0.0,
        revision="r",
        logprobs=tokens,
    )

    class Telling(Stuck):
        async def stream(self, request):
            yield Piece(text="ab", tokens=tokens[:2])
            yield reply

    async def story():
        return told(await everything(await begun(Telling(), stream=True)))

    chunks = [event["choices"][0] for event in asyncio.run(story()) if event["choices"]]
    logprobs = [[one["token"] for one in (c["logprobs"] or {}).get("content", [])] for c in chunks]
    assert logprobs == [[], ["a", "b"], ["c"], []]
    assert [chunk["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
