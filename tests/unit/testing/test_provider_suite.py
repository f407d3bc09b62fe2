"""The provider suite finds providers that break the promises of the port."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from escalera.domain.message import Reply, Request, Usage
from escalera.errors import RequestRejected
from escalera.testing import provider_suite as suite

BAD = suite.question("bad")


class Honest:
    """Says back what it is asked; refuses "bad"."""

    unit = 2
    concurrency = 1

    async def answer(self, requests: Sequence[Request]) -> list[Reply | RequestRejected]:
        """One reply or refusal each."""
        return [self.reply(request) for request in requests]

    async def stream(self, request: Request) -> AsyncIterator[str | Reply]:
        """The words, then the reply."""
        reply = self.reply(request)
        if isinstance(reply, RequestRejected):
            raise reply
        for letter in reply.text:
            yield letter
        yield reply

    async def close(self) -> None:
        """Nothing is held."""

    def reply(self, request: Request) -> Reply | RequestRejected:
        """The last turn, cut to max_tokens letters."""
        if request == BAD:
            return RequestRejected("no.", provider="fake")
        text = request.messages[-1].content[: request.decoding.max_tokens]
        usage = Usage(prompt_tokens=1, completion_tokens=len(text))
        return Reply(
            text=text,
            finish_reason="length",
            usage=usage,
            micro_dollars=None,
            seconds=0.0,
            revision="r",
        )


class Reversing(Honest):
    """Gives the replies in the wrong order."""

    async def answer(self, requests):
        return (await super().answer(requests))[::-1]


class Forgetful(Honest):
    """Loses the last reply, and invents one when nothing is asked."""

    async def answer(self, requests):
        return (
            (await super().answer(requests))[:-1] if requests else [self.reply(suite.question(""))]
        )


class Wordy(Honest):
    """Ignores max_tokens."""

    def reply(self, request):
        reply = super().reply(request)
        object.__setattr__(reply, "usage", Usage(prompt_tokens=1, completion_tokens=99))
        return reply


class Obliging(Honest):
    """Answers what it must refuse."""

    def reply(self, request):
        return super().reply(suite.question("fine") if request == BAD else request)


class Stuttering(Honest):
    """Streams other text than it replies."""

    async def stream(self, request):
        yield "eh, "
        async for piece in super().stream(request):
            yield piece


class Unfinished(Honest):
    """Ends a stream without the reply."""

    async def stream(self, request):
        async for piece in super().stream(request):
            if isinstance(piece, str):
                yield piece


class Unready(Honest):
    """Takes no requests at a time."""

    unit = 0


CALLS = {
    "fed": suite.says_how_it_is_fed,
    "order": suite.answers_in_order,
    "nothing": suite.answers_nothing_to_nothing,
    "limit": suite.keeps_to_max_tokens,
    "refusal": lambda provider: suite.refuses_one_and_answers_the_rest(provider, bad=BAD),
    "stream": suite.streams_what_it_answers,
    "refused stream": lambda provider: suite.refuses_a_stream(provider, bad=BAD),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_honest_provider_passes(name: str) -> None:
    """Nothing is held against a provider that does what the port says."""
    asyncio.run(CALLS[name](Honest()))


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (Unready(), "fed"),
        (Reversing(), "order"),
        (Forgetful(), "order"),
        (Forgetful(), "nothing"),
        (Wordy(), "limit"),
        (Obliging(), "refusal"),
        (Stuttering(), "stream"),
        (Unfinished(), "stream"),
        (Obliging(), "refused stream"),
    ],
)
def test_a_broken_promise_is_found(provider: Honest, name: str) -> None:
    """Each fault fails the check that is about it."""
    with pytest.raises(AssertionError):
        asyncio.run(CALLS[name](provider))
